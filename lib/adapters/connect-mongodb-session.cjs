'use strict'
// MongoSessionStore with the constructor of the package connect-mongodb-session.

const { invalid, typeError, unfit } = require('../error.cjs')
const { MongoSessionStore } = require('../store/store.cjs')
const { callable } = require('./callable.cjs')
const { inMs, refusal, translate } = require('./translate.cjs')

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

class MongoDBStore extends MongoSessionStore {
  constructor(options, callback) {
    if (typeof options === 'function') [options, callback] = [undefined, options]
    if (callback !== undefined && callback !== null && typeof callback !== 'function') {
      throw unfit('the constructor', 'callback', 'a function', callback)
    }
    const { own, names } = read(options ?? {})
    try {
      super(own)
    } catch (error) {
      throw refusal(error, names)
    }
    this.once('connect', () => this.emit('connected'))
    // Unlike an event, a pending operation keeps the process alive until the callback has been called.
    if (callback) this.ping((error) => (error ? callback(error) : callback()))
  }
}

function keptFor(name, value) {
  return inMs(name, value, 'seconds', 0, LONGEST_SECONDS)
}

function read(options) {
  if (typeof options !== 'object') {
    throw invalid(`options must be an object, got ${typeof options}`)
  }
  const { own, names } = translate(options, OPTIONS)
  if (own.ttl === undefined) own.ttl = TWO_WEEKS
  if (own.uri === undefined && own.client === undefined) own.uri = URI
  return { own, names }
}

const Store = callable(MongoDBStore)

/** Answers the constructor of stores; the module express-session says which package is meant. */
function connectMongoDBSession(session) {
  if (typeof (session?.Store ?? session?.session?.Store) !== 'function') {
    throw typeError('ERR_INVALID_ARG_TYPE', 'the argument must be the module express-session')
  }
  return Store
}

module.exports = connectMongoDBSession
