'use strict'

const { AsyncResource } = require('node:async_hooks')
const { Store } = require('express-session')
const { MongoSessionStoreError, fromNative, typeError } = require('./error.cjs')
const { Known } = require('./known.cjs')
const { NativeStore, DONE, SESSION, SESSIONS, COUNT, FAILED, EVENT } = require('./native.cjs')
const { invalid, readOptions } = require('./options.cjs')
const { cookieExpires, decode, encode, encodeChanges } = require('./session.cjs')
const { State } = require('./state.cjs')
const { unstorable } = require('./bson.cjs')

/** How many slots an answer takes in a drained array: ticket, kind, up to four values. */
const STRIDE = 6

/** How many slots a session takes. */
const SESSION_SLOTS = 4

/** Failures after which it is known that nothing was written. */
const REFUSED = new Set(['ERR_STORE_SERIALIZATION', 'ERR_STORE_TOO_LARGE'])

/** Stores with pending operations, which must not be collected before their callers are told. */
const busy = new Set()

class MongoSessionStore extends Store {
  #native
  #ttl
  /** Calls that wait for their answer, by ticket. */
  #calls = new Map()
  #lastTicket = 0
  #savesDifferences
  /** Whether `#flush` is going to run. */
  #flushes = false
  /** Sends the calls of this turn of the event loop together: one wake-up for all of them. */
  #flush = () => {
    this.#flushes = false
    this.#native.flush()
  }
  #closed

  constructor(options = {}) {
    super()
    const { ttl, ...given } = readOptions(options)
    if (typeof ttl === 'number') given.ttl = ttl
    // The addon would keep the store alive for ever if its function held it.
    const self = new WeakRef(this)
    try {
      this.#native = new NativeStore(JSON.stringify(given), () => self.deref()?.#drain())
    } catch (error) {
      throw fromConstructor(error)
    }
    this.#savesDifferences = this.#native.savesDifferences
    this.#ttl = typeof ttl === 'function' ? ttl : undefined
    this.collectionName = this.#native.collection
    this.prefix = this.#native.prefix
    this.ttl = this.#ttl ?? this.#native.ttl
    this.createTTLIndex = this.#native.createTTLIndex
    this.connected = false
  }

  get(sid, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) this.#native.get(this.#wait(call), sid)
    return call.promise
  }

  set(sid, session, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid, session)) {
      try {
        this.#save(call, sid, session)
      } catch (error) {
        call.fail(error)
      }
    }
    return call.promise
  }

  touch(sid, session, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) {
      try {
        const ttl = this.#lifetime(session)
        this.#native.touch(this.#wait(call), sid, ttl, cookieExpires(session))
      } catch (error) {
        call.fail(error)
      }
    }
    return call.promise
  }

  destroy(sid, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) this.#native.destroy(this.#wait(call), sid)
    return call.promise
  }

  all(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.all(this.#wait(call))
    return call.promise
  }

  length(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.length(this.#wait(call))
    return call.promise
  }

  clear(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.clear(this.#wait(call))
    return call.promise
  }

  flagDeletion(sid, callback) {
    const call = this.#open(callback)
    const accepted = sid === null ? this.#accepts(call) : this.#accepts(call, sid)
    if (accepted) this.#native.flagDeletion(this.#wait(call), sid)
    return call.promise
  }

  cleanup(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.cleanup(this.#wait(call))
    return call.promise
  }

  close(callback) {
    const call = this.#open(callback)
    if (this.#closed === undefined) {
      this.emit('info', 'Closing MongoDB connection to session store.')
      const closing = new PromiseCall()
      this.#native.close(this.#wait(closing))
      this.#closed = closing.promise.finally(() => {
        this.connected = false
      })
    }
    this.#closed.then(
      () => call.succeed(),
      (error) => call.fail(error),
    )
    return call.promise
  }

  /** Makes the Session of what `get` has read, and remembers what that was. */
  createSession(req, sess) {
    const fetched = Known.get(sess)
    const session = super.createSession(req, sess)
    if (fetched?.store === this) {
      Known.set(session, { store: this, sid: req.sessionID, states: [fetched.state] })
    }
    return session
  }

  /**
   * Saves a session. One that this store loaded or has saved before is sent with the states that
   * it may have in the database: the addon writes what differs from any of them, and does not
   * create the document again if it is gone. While a save is on its way or after it failed, both
   * the state before and the state after it are possible, unless it was refused.
   */
  #save(call, sid, session) {
    const ttl = this.#lifetime(session)
    let saved = isSession(session) ? Known.get(session) : undefined
    if (saved?.store !== this || saved.sid !== sid) saved = undefined
    const changes = saved && this.#savesDifferences && encodeChanges(session, saved.states)
    const encoded = changes || encode(session)
    const { text, specials, state } = encoded
    const bases = encoded.bases ?? saved?.states.flatMap((base) => [base.text, base.specials])
    const expires = cookieExpires(session)
    this.#native.set(this.#wait(call), sid, text, specials, ttl, expires, bases)
    if (saved !== undefined) {
      saved.states.push(state)
      call.onSuccess = () => {
        const index = saved.states.indexOf(state)
        if (index > 0) saved.states.splice(0, index)
      }
      call.onRefused = () => {
        const index = saved.states.indexOf(state)
        if (index > 0) saved.states.splice(index, 1)
      }
    } else if (isSession(session)) {
      call.onSuccess = () => Known.set(session, { store: this, sid, states: [state] })
    }
  }

  /** What the `ttl` function answers for a session. */
  #lifetime(session) {
    if (this.#ttl === undefined) return undefined
    const ttl = this.#ttl(session)
    if (typeof ttl !== 'number' || Number.isNaN(ttl)) {
      throw typeError('ERR_STORE_OPTION', "option 'ttl' must return a number of milliseconds")
    }
    return ttl
  }

  #open(callback) {
    if (callback === undefined || callback === null) return new PromiseCall()
    if (typeof callback === 'function') return new CallbackCall(callback)
    throw typeError('ERR_INVALID_ARG_TYPE', 'the callback must be a function')
  }

  /** Whether a call may go on; otherwise it has failed. */
  #accepts(call, ...args) {
    if (this.#closed !== undefined) {
      call.fail(new MongoSessionStoreError('ERR_STORE_CLOSED', 'the session store is closed'))
    } else if (args.length > 0 && !isSid(args[0])) {
      call.fail(typeError('ERR_INVALID_ARG_TYPE', 'the session id must be a well-formed string'))
    } else if (args.length > 1 && !isData(args[1])) {
      call.fail(typeError('ERR_INVALID_ARG_TYPE', 'the session must be an object'))
    } else {
      return true
    }
    return false
  }

  #wait(call) {
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0 || 1)
    if (this.#calls.size === 0) busy.add(this)
    this.#calls.set(ticket, call)
    // The addon sends a lone call at once.
    if (this.#calls.size > 1 && !this.#flushes) {
      this.#flushes = true
      setImmediate(this.#flush)
    }
    return ticket
  }

  /** Hands out what the addon has answered. Callbacks run later, each on a stack of its own. */
  #drain() {
    const drained = this.#native.drain()
    for (let at = 0; at < drained.length; at += STRIDE) {
      const kind = drained[at + 1]
      if (kind === EVENT) {
        process.nextTick(emitEvent, this, drained[at + 2], drained[at + 3])
        continue
      }
      const ticket = drained[at]
      const call = this.#calls.get(ticket)
      this.#calls.delete(ticket)
      try {
        this.#answer(call, kind, drained, at + 2)
      } catch {
        // What went wrong may quote the session. The answers behind this one are not to be lost.
        call.fail(unstorable('a stored session holds a value that cannot be read'))
      }
    }
    if (this.#calls.size === 0) busy.delete(this)
  }

  #answer(call, kind, drained, at) {
    const value = drained[at]
    switch (kind) {
      case DONE:
        call.onSuccess?.()
        return call.succeed()
      case SESSION:
        return call.succeed(value === undefined ? null : this.#session(drained, at))
      case SESSIONS: {
        const sessions = []
        for (let first = 0; first < value.length; first += SESSION_SLOTS) {
          try {
            sessions.push(decode(value[first], value[first + 1], value[first + 2]))
          } catch {
            // One that cannot be read must not hide the others; `get` fails with it.
          }
        }
        return call.succeed(sessions)
      }
      case COUNT:
        return call.succeed(value)
      case FAILED:
        if (REFUSED.has(value.code)) call.onRefused?.()
        return call.fail(fromNative(value))
    }
  }

  #session(drained, at) {
    const text = drained[at]
    const specials = drained[at + 1]
    const session = decode(text, specials, drained[at + 2])
    const places = drained[at + 3]
    Known.set(session, { store: this, state: new State(text, specials, places) })
    return session
  }
}

/** A call that answers through a promise. */
class PromiseCall {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.succeed = resolve
      this.fail = reject
    })
    // express-session calls without a callback and ignores the promise, for example in
    // `req.session.destroy()`. A failure of the store must not end the process then.
    this.promise.catch(() => {})
  }
}

/**
 * A call that answers through a callback: once, in the async context of the caller, and on a clean
 * stack, so that what the callback throws is an uncaught exception of the application and nothing
 * else is lost with it.
 */
class CallbackCall extends AsyncResource {
  promise = undefined

  constructor(callback) {
    super('MongoSessionStore')
    this.callback = callback
  }

  succeed(value) {
    process.nextTick(answer, this, null, value)
  }

  fail(error) {
    process.nextTick(answer, this, error)
  }
}

function answer(call, error, value) {
  if (value === undefined) call.runInAsyncScope(call.callback, undefined, error)
  else call.runInAsyncScope(call.callback, undefined, error, value)
}

function emitEvent(store, name, value) {
  switch (name) {
    case 'connected':
      store.connected = true
      store.emit('info', 'Connected to MongoDB for session store.')
      return
    case 'discard':
      store.emit('discard', value)
      return
    case 'error':
    case 'warning': {
      const error = fromNative(value)
      // An `error` event without a listener would end the process.
      if (store.listenerCount(name) > 0) store.emit(name, error)
      else process.emitWarning(error.message, { type: error.name, code: error.code })
    }
  }
}

/** A lone surrogate has no UTF-8, so two ids with one could become the same `_id`. */
function isSid(sid) {
  return typeof sid === 'string' && sid.isWellFormed()
}

/** Whether a value can be a session: JSON has an object for it. */
function isData(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Whether an object is a Session of express-session, of whatever copy of it. */
function isSession(object) {
  return typeof object.regenerate === 'function' && typeof object.save === 'function'
}

/** The addon throws the code and the message on two lines. */
function fromConstructor(error) {
  const [code, message] = error.message.split('\n', 2)
  return code === 'ERR_STORE_OPTION' ? invalid(message) : error
}

module.exports = { MongoSessionStore, MongoSessionStoreError }
