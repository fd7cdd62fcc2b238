'use strict'
// What a program of the days of express-session-mongodb gets as `mongodb`: version 1.4 of the official
// driver as far as such a program uses it, over the current one. See old-driver.mjs.

const { MongoClient: CurrentClient } = require('mongodb')

async function open(uri) {
  const { oldHandle } = await import('./old-driver.mjs')
  const client = await CurrentClient.connect(uri)
  return oldHandle(client.db())
}

exports.MongoClient = {
  connect(uri, callback) {
    open(uri).then((db) => process.nextTick(callback, null, db), callback)
  },
}
