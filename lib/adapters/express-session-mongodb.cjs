'use strict'
// MongoSessionStore with the constructor of the package express-session-mongodb.

const { invalid, unfit } = require('../error.cjs')
const { MongoSessionStore } = require('../store/store.cjs')
const { NamedClient } = require('../connection/client.cjs')
const { callable } = require('./callable.cjs')
const { toStoreOptions } = require('./express-session-mongodb/options.cjs')
const { refusal } = require('./translate.cjs')

class Store extends MongoSessionStore {
  constructor(DB, callback, options) {
    if (callback !== undefined && callback !== null && typeof callback !== 'function') {
      throw unfit('the constructor', 'callback', 'a function', callback)
    }
    const { own, names } = read(DB, options ?? {})
    try {
      super(own)
    } catch (error) {
      throw refusal(error, names)
    }
    // Unlike an event, a pending operation keeps the process alive until the callback has been called.
    if (callback) this.ping((error) => callback(error, this))
  }

  /** Flags a session as deleted, or with `null` all of them, and answers how many were flagged. */
  FlagDeletion(sid, callback) {
    return this.flagDeletion(sid, callback)
  }

  /** Deletes the flagged sessions and answers how many there were. */
  Cleanup(callback) {
    return this.cleanup(callback)
  }
}

function read(DB, options) {
  if (DB === undefined || DB === null) throw invalid("argument 'DB' must be a Db of the driver")
  const { own, names } = toStoreOptions(options)
  if (own.client !== undefined || own.uri !== undefined) {
    throw invalid("the argument 'DB' and the options 'client' and 'uri' exclude each other")
  }
  own.client = NamedClient.of(DB, 'DB')
  names.set('client', 'DB')
  return { own, names }
}

module.exports = callable(Store)
