'use strict'
// connect-mongo's class, options and forms over MongoSessionStore, for applications that come from
// it. What the options mean, and every default that is not connect-mongo's, is the store's own.

const { invalid } = require('../error.cjs')
const { LOST } = require('../store/events.cjs')
const { MongoSessionStore } = require('../store/store.cjs')
const { createKrupteinAdapter } = require('./connect-mongo/kruptein.cjs')
const { checkForm, inTheirNames, toStoreOptions } = require('./connect-mongo/options.cjs')
const { createSecretAdapter } = require('./connect-mongo/secret.cjs')
const { createWebCryptoAdapter } = require('./connect-mongo/web-crypto.cjs')

/** The older names of two events, and what they stand for. Neither makes a listener to `error`. */
const EVENTS = new Map([
  ['connected', 'connect'],
  ['disconnected', LOST],
])

class Base extends MongoSessionStore {
  /** Events that are passed on under their older name. */
  #relayed = new Set()

  constructor(given) {
    const { options, names } = toStoreOptions(given)
    try {
      super(options)
    } catch (error) {
      throw inTheirNames(error, names)
    }
    // Nothing is listened to for somebody who does not listen.
    this.on('newListener', (event) => this.#relay(event))
  }

  #relay(event) {
    if (!EVENTS.has(event) || this.#relayed.has(event)) return
    this.#relayed.add(event)
    this.on(EVENTS.get(event), () => this.emit(event))
  }
}

/**
 * The class, for `new MongoStore(options)` and `extends`. Called like a function, with
 * express-session, it answers itself: `require('…/connect-mongo')(session)`. A class alone would
 * refuse that.
 */
function MongoStore(argument) {
  if (new.target !== undefined) return Reflect.construct(Base, [argument], new.target)
  if (isSessionModule(argument)) return MongoStore
  throw invalid(
    'MongoStore is made by MongoStore.create(options) or new MongoStore(options); ' +
      'called without new it takes the module express-session',
  )
}

MongoStore.prototype = Base.prototype
MongoStore.prototype.constructor = MongoStore
Object.setPrototypeOf(MongoStore, Base)

/** Makes a store, as of version 4 on. It needs no `this`, so that it can be handed around. */
MongoStore.create = (options) => {
  checkForm(options)
  return new MongoStore(options)
}

/** express-session, or what had it inside in the days of Express 3: Connect, or Express. */
function isSessionModule(value) {
  const module = value?.session ?? value
  return typeof module?.Store === 'function'
}

// `require` answers the class, with the named and the default export on it.
module.exports = Object.assign(MongoStore, {
  MongoStore,
  createKrupteinAdapter,
  createSecretAdapter,
  createWebCryptoAdapter,
  default: MongoStore,
})
