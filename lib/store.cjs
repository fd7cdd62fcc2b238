'use strict'

const { Store } = require('express-session')
const { CallbackCall, PromiseCall, SilentCall } = require('./call.cjs')
const { MongoSessionStoreError, fromNative, invalid, typeError } = require('./error.cjs')
const { tell, tellSaved } = require('./events.cjs')
const { attach, attached } = require('./fastify.cjs')
const { isSid, transformed } = require('./id.cjs')
const { Known } = require('./known.cjs')
const { NativeStore, ...kinds } = require('./native.cjs')
const { readKeys, readOptions } = require('./options.cjs')
const { cookieExpires, decode, encode, encodeChanges, originalMaxAge } = require('./session.cjs')
const { State } = require('./state.cjs')
const { readTarget } = require('./target.cjs')
const { unstorable } = require('./bson.cjs')

const { DONE, SESSION, SESSIONS, COUNT, FAILED, EVENT, DISCARDED, CREATED } = kinds

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
  #transformId
  #touchesOnGet
  /** Calls that wait for their answer, by ticket. */
  #calls = new Map()
  #lastTicket = 0
  #savesDifferences
  #skipsWhenDown
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
    const { ttl, encryption, transformId, ...others } = readOptions(options)
    const { given, later } = placed(others)
    if (typeof ttl === 'number') given.ttl = ttl
    const keys = encryption === undefined ? [] : readKeys(encryption)
    if (encryption !== undefined) given.encryption = { ...encryption, keys: undefined }
    // The addon would keep the store alive for ever if its function held it.
    const self = new WeakRef(this)
    try {
      this.#native = new NativeStore(JSON.stringify(given), () => self.deref()?.#drain(), keys)
    } catch (error) {
      throw fromConstructor(error)
    }
    if (later !== undefined) this.#follow(later)
    this.#savesDifferences = this.#native.savesDifferences
    this.#skipsWhenDown = this.#native.skipsWhenDown
    this.#touchesOnGet = this.#native.touchesOnGet
    this.#transformId = transformId
    this.#ttl = typeof ttl === 'function' ? ttl : undefined
    this.collectionName = this.#native.collection
    this.prefix = this.#native.prefix
    this.ttl = this.#ttl ?? this.#native.ttl
    this.createTTLIndex = this.#native.createTTLIndex
    this.connected = false
  }

  /** Tells the addon where the sessions are as soon as the application knows it. */
  async #follow(later) {
    try {
      this.#native.leadTo(JSON.stringify(await later))
    } catch {
      // What went wrong may quote credentials, and is the application's own to see.
      this.#native.leadTo(undefined)
    }
  }

  get(sid, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) {
      call.event = 'get'
      this.#native.get(this.#wait(call), call.id)
    }
    return call.promise
  }

  set(sid, session, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid, session)) {
      try {
        this.#save(call, session)
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
        const expires = cookieExpires(session)
        call.event = 'touch'
        call.session = session
        this.#native.touch(this.#wait(call), call.id, ttl, expires)
      } catch (error) {
        call.fail(error)
      }
    }
    return call.promise
  }

  destroy(sid, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) {
      call.event = 'destroy'
      this.#native.destroy(this.#wait(call), call.id)
    }
    return call.promise
  }

  all(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) {
      call.event = 'all'
      this.#native.all(this.#wait(call))
    }
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
    if (accepted) this.#native.flagDeletion(this.#wait(call), call.id)
    return call.promise
  }

  cleanup(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.cleanup(this.#wait(call))
    return call.promise
  }

  ping(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#native.ping(this.#wait(call))
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
  #save(call, session) {
    const { sid, id } = call
    const ttl = this.#lifetime(session)
    const saved = isSession(session) ? this.#known(sid, session) : undefined
    const changes = saved && this.#savesDifferences && encodeChanges(session, saved.states)
    const encoded = changes || encode(session)
    const { text, specials, state } = encoded
    const bases = encoded.bases ?? saved?.states.flatMap((base) => [base.text, base.specials])
    const expires = cookieExpires(session)
    call.event = 'set'
    call.session = session
    this.#native.set(this.#wait(call), id, text, specials, ttl, expires, bases)
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

  /** What is known of a Session since the store loaded it under this id or has saved it. */
  #known(sid, session) {
    let known = Known.get(session)
    if (known === undefined) {
      const fetched = attached(session)
      if (fetched === undefined) return undefined
      known = { ...fetched, states: [fetched.state] }
      Known.set(session, known)
    }
    return known.store === this && known.sid === sid ? known : undefined
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

  /**
   * Moves the expiry of a session that was read, as a touch would. Not if something else was called
   * for it since: that may decide its expiry, and would be undone.
   */
  #renew({ sid, id }, session) {
    if (this.#closed !== undefined) return
    for (const later of this.#calls.values()) if (later.id === id && later.event !== 'get') return
    try {
      const ttl = this.#lifetime(session) ?? originalMaxAge(session)
      this.#native.touch(this.#wait(new SilentCall(sid, id)), id, ttl, undefined)
    } catch {
      // The function `ttl` does not like the session; who has read it is not to suffer from that.
    }
  }

  #open(callback) {
    if (callback === undefined || callback === null) return new PromiseCall()
    if (typeof callback === 'function') return new CallbackCall(callback)
    throw typeError('ERR_INVALID_ARG_TYPE', 'the callback must be a function')
  }

  /** Whether a call may go on, which then knows its session's id; otherwise it has failed. */
  #accepts(call, ...args) {
    if (this.#closed !== undefined) {
      call.fail(new MongoSessionStoreError('ERR_STORE_CLOSED', 'the session store is closed'))
    } else if (args.length > 0 && !isSid(args[0])) {
      call.fail(typeError('ERR_INVALID_ARG_TYPE', 'the session id must be a well-formed string'))
    } else if (args.length > 1 && !isData(args[1])) {
      call.fail(typeError('ERR_INVALID_ARG_TYPE', 'the session must be an object'))
    } else {
      return args.length === 0 || this.#identifies(call, args[0])
    }
    return false
  }

  /** Finds out by which id the session of a call is stored. */
  #identifies(call, sid) {
    call.sid = sid
    try {
      call.id = this.#transformId === undefined ? sid : transformed(this.#transformId, sid)
    } catch (error) {
      call.fail(error)
      return false
    }
    return true
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
        process.nextTick(() => this.#emit(drained[at + 2], drained[at + 3]))
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
      case DISCARDED:
        tell(this, 'discard', call.sid)
        return succeed(call)
      case CREATED:
        tellSaved(this, call, true)
        return succeed(call)
      case DONE:
        if (call.event === 'set') tellSaved(this, call, false)
        else if (call.event !== undefined) tell(this, call.event, call.sid, call.session)
        return succeed(call)
      case SESSION: {
        const session = value === undefined ? null : this.#session(call.sid, drained, at)
        if (session !== null && this.#touchesOnGet) this.#renew(call, session)
        tell(this, call.event, call.sid, session)
        return call.succeed(session)
      }
      case SESSIONS: {
        const sessions = []
        for (let first = 0; first < value.length; first += SESSION_SLOTS) {
          try {
            sessions.push(decode(value[first], value[first + 1], value[first + 2]))
          } catch {
            // One that cannot be read must not hide the others; `get` fails with it.
          }
        }
        if (call.event !== undefined) tell(this, call.event, sessions)
        return call.succeed(sessions)
      }
      case COUNT:
        return call.succeed(value)
      case FAILED:
        if (REFUSED.has(value.code)) call.onRefused?.()
        return call.fail(fromNative(value))
    }
  }

  #emit(event, value) {
    switch (event) {
      case 'connected':
        this.connected = true
        this.emit('info', 'Connected to MongoDB for session store.')
        return this.emit('connect')
      case 'disconnected':
        this.connected = false
        // express-session goes on without sessions from this event on, until `connect`.
        if (this.#skipsWhenDown) this.emit('disconnect')
        return this.#report('error', fromNative(value))
      case 'warning':
        return this.#report('warning', fromNative(value))
    }
  }

  /** An `error` event without a listener would end the process. */
  #report(event, error) {
    if (this.listenerCount(event) > 0) this.emit(event, error)
    else process.emitWarning(error.message, { type: error.name, code: error.code })
  }

  #session(sid, drained, at) {
    const text = drained[at]
    const specials = drained[at + 1]
    const session = decode(text, specials, drained[at + 2])
    const places = drained[at + 3]
    const fetched = { store: this, sid, state: new State(text, specials, places) }
    Known.set(session, fetched)
    attach(session, fetched)
    return session
  }
}

/** Ends a call that answers nothing. */
function succeed(call) {
  call.onSuccess?.()
  call.succeed()
}

/** The options with the place of the sessions as the addon knows it, or a promise of the place. */
function placed({ client, uri, dbName, driverOptions, writeConcern, ...given }) {
  const { later, ...place } = readTarget({ client, uri, dbName, driverOptions, writeConcern })
  if (later === undefined) return { given: { ...given, ...place } }
  return { given: { ...given, awaitsAddress: true }, later }
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
