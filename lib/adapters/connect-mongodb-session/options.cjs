'use strict'
// The options of connect-mongodb-session in the terms of MongoSessionStore.

const { invalid } = require('../../error.cjs')
const { inMs, translate } = require('../translate.cjs')

const OPTIONS = {
  databaseName: ['dbName'],
  connectionOptions: ['driverOptions'],
  expires: ['ttl'],
  idField: ['fields.id'],
  expiresKey: ['fields.expires'],
  expiresAfterSeconds: ['expireAfter', keptFor],
}

/** The longest that MongoDB keeps what has expired. */
const LONGEST_SECONDS = 2 ** 31 - 1

const URI = 'mongodb://127.0.0.1:27017/test'
const TWO_WEEKS = 14 * 24 * 60 * 60 * 1000

function keptFor(name, value) {
  return inMs(name, value, 'seconds', 0, LONGEST_SECONDS)
}

/** The options of the store, and under which names those of the package were given. */
function toStoreOptions(options) {
  if (typeof options !== 'object') {
    throw invalid(`options must be an object, got ${typeof options}`)
  }
  const { own, names } = translate(options, OPTIONS)
  if (own.ttl === undefined) own.ttl = TWO_WEEKS
  if (own.uri === undefined && own.client === undefined) own.uri = URI
  return { own, names }
}

module.exports = { toStoreOptions }
