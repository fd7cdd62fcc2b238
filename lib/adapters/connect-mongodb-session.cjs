'use strict'
// MongoSessionStore with the constructor of the package connect-mongodb-session.

const { typeError, unfit } = require('../error.cjs')
const { MongoSessionStore } = require('../store/store.cjs')
const { callable } = require('./callable.cjs')
const { toStoreOptions } = require('./connect-mongodb-session/options.cjs')
const { refusal } = require('./translate.cjs')

/** What tells of its failures by `error`, too. */
const TOLD = ['get', 'all', 'set', 'touch', 'destroy', 'clear']

class MongoDBStore extends MongoSessionStore {
  constructor(options, callback) {
    if (typeof options === 'function') [options, callback] = [undefined, options]
    if (callback !== undefined && callback !== null && typeof callback !== 'function') {
      throw unfit('the constructor', 'callback', 'a function', callback)
    }
    const { own, names } = toStoreOptions(options ?? {})
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

const Store = callable(MongoDBStore)

for (const method of TOLD) {
  const own = MongoDBStore.prototype[method]
  MongoDBStore.prototype[method] = function (...args) {
    if (typeof args.at(-1) === 'function') {
      const callback = args.pop()
      return own.call(this, ...args, (error, ...answer) => {
        if (error) fail(this, error)
        callback(error, ...answer)
      })
    }
    const promise = own.apply(this, args)
    // Where nobody listens, who ignores the promise is told of a mistake in another way.
    if (this.listenerCount('error') > 0) promise?.catch((error) => fail(this, error))
    return promise
  }
}

/** Unlike other events, one of that name would throw if nobody listened. */
function fail(store, error) {
  if (store.listenerCount('error') > 0) store.emit('error', error)
}

/** Answers the constructor of stores; the module express-session says which package is meant. */
function connectMongoDBSession(session) {
  if (typeof (session?.Store ?? session?.session?.Store) !== 'function') {
    throw typeError('ERR_INVALID_ARG_TYPE', 'the argument must be the module express-session')
  }
  return Store
}

module.exports = connectMongoDBSession
