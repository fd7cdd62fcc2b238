'use strict'

const { MongoSessionStore, MongoSessionStoreError } = require('./lib/store/store.cjs')

// `require('mongodb-session-store')` is the class, with the named and the default export on it.
module.exports = Object.assign(MongoSessionStore, {
  MongoSessionStore,
  MongoSessionStoreError,
  default: MongoSessionStore,
})
