'use strict'

const { Store } = require('express-session')
const { CallbackCall, PromiseCall } = require('./call.cjs')
const { List, collect, filterOf, walk } = require('./entries.cjs')
const { MongoSessionStoreError, fromNative, invalid, typeError } = require('./error.cjs')
const { attach, attached } = require('./fastify.cjs')
const { encodeFilter } = require('./filter.cjs')
const { Known } = require('./known.cjs')
const { NativeStore, ...kinds } = require('./native.cjs')
const { readKeys, readOptions } = require('./options.cjs')
const { cookieExpires, decode, encode, encodeChanges } = require('./session.cjs')
const { State } = require('./state.cjs')
const { readTarget } = require('./target.cjs')
const { checkUser, exceptionOf, userOf } = require('./users.cjs')
const { unstorable } = require('./bson.cjs')

const { DONE, SESSION, SESSIONS, COUNT, FAILED, EVENT, DISCARDED, ENTRIES } = kinds

/** How many slots an answer takes in a drained array: ticket, kind, up to five values. */
const STRIDE = 7

/** How many slots a session takes. */
const SESSION_SLOTS = 4

/** Failures after which it is known that nothing was written. */
const REFUSED = new Set(['ERR_STORE_SERIALIZATION', 'ERR_STORE_TOO_LARGE'])

/** Stores with pending operations, which must not be collected before their callers are told. */
const busy = new Set()

class MongoSessionStore extends Store {
  #native
  #ttl
  #userId
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
  /** Lists that are being put together, of which more pages will be asked for. */
  #lists = new Set()

  constructor(options = {}) {
    super()
    const { ttl, encryption, userId, ...others } = readOptions(options)
    const { given, later } = placed(others)
    if (typeof ttl === 'number') given.ttl = ttl
    if (userId !== undefined) given.userId = true
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
    this.#ttl = typeof ttl === 'function' ? ttl : undefined
    this.#userId = userId
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
      call.sid = sid
      this.#native.get(this.#wait(call), sid)
    }
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

  ids(callback) {
    return this.#list(callback, () => ({ idsOnly: true }))
  }

  entries(callback) {
    return this.#list(callback, () => ({}))
  }

  find(filter, callback) {
    return this.#list(callback, () => ({ filter: filter ?? null }))
  }

  sessionsOf(user, callback) {
    return this.#list(callback, () => {
      checkUser(this.#userId, user)
      return { user }
    })
  }

  /** Like any generator, it begins when its first entry is asked for. */
  async *scan(options) {
    const list = new List({ filter: filterOf(options) })
    yield* walk((after, most) => {
      const call = this.#open()
      if (this.#accepts(call)) this.#readPage(call, list, after, most)
      return call.promise
    })
  }

  destroyByUser(user, options, callback) {
    if (typeof options === 'function') return this.destroyByUser(user, undefined, options)
    const call = this.#open(callback)
    if (this.#accepts(call)) {
      try {
        checkUser(this.#userId, user)
        const except = exceptionOf(options)
        this.#native.destroyByUser(this.#wait(call), user, except)
      } catch (error) {
        call.fail(error)
      }
    }
    return call.promise
  }

  destroyMany(filter, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) {
      try {
        const { text, specials } = encodeFilter(filter)
        this.#native.destroyMany(this.#wait(call), text, specials)
      } catch (error) {
        call.fail(error)
      }
    }
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
      const close = () => {
        const closing = new PromiseCall()
        this.#native.close(this.#wait(closing))
        return closing.promise
      }
      const closed = this.#lists.size === 0 ? close() : Promise.allSettled(this.#lists).then(close)
      this.#closed = closed.finally(() => {
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
    const saved = isSession(session) ? this.#known(sid, session) : undefined
    const changes = saved && this.#savesDifferences && encodeChanges(session, saved.states)
    const encoded = changes || encode(session)
    const { text, specials, state } = encoded
    const owner = this.#owner(session, state, saved)
    const bases = encoded.bases ?? saved?.states.flatMap((base) => [base.text, base.specials])
    const expires = cookieExpires(session)
    this.#native.set(this.#wait(call), sid, text, specials, ttl, expires, bases, ...owner)
    call.sid = sid
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

  /**
   * Whose session it is and whether that is new, for the addon; nothing if the document says the right
   * thing already. Of a session that was loaded this is a field like any other: where a parallel request
   * logs somebody in, one that changes something else must not undo it.
   */
  #owner(session, state, saved) {
    const user = userOf(this.#userId, session)
    if (user === undefined) return []
    state.user = user
    const isKnown = saved?.states.every((base) => base.user === user) ?? false
    return isKnown && this.#savesDifferences ? [] : [user, !isKnown]
  }

  /** Answers a call with a list. `choose` says what is in it. */
  #list(callback, choose) {
    const call = this.#open(callback)
    if (!this.#accepts(call)) return call.promise
    let list
    try {
      list = new List(choose())
    } catch (error) {
      call.fail(error)
      return call.promise
    }
    const collected = collect((after, most) => {
      const page = new PromiseCall()
      this.#readPage(page, list, after, most)
      return page.promise
    })
    this.#lists.add(collected)
    collected
      .finally(() => this.#lists.delete(collected))
      .then(
        (entries) => call.succeed(entries),
        (error) => call.fail(error),
      )
    return call.promise
  }

  #readPage(call, list, after, most) {
    call.list = list
    const { idsOnly, user, text, specials } = list
    this.#native.page(this.#wait(call), idsOnly, user, text, specials, after, most)
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
        process.nextTick(emitDiscard, this, call.sid)
      // fallthrough
      case DONE:
        call.onSuccess?.()
        return call.succeed()
      case SESSION:
        return call.succeed(value === undefined ? null : this.#session(call.sid, drained, at))
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
      case ENTRIES:
        return call.succeed(call.list.page(value, drained[at + 1], drained[at + 2]))
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
    const state = new State(text, specials, places)
    state.user = drained[at + 4] ?? ''
    const fetched = { store: this, sid, state }
    Known.set(session, fetched)
    attach(session, fetched)
    return session
  }
}

function emitDiscard(store, sid) {
  store.emit('discard', sid)
}

/** The options with the place of the sessions as the addon knows it, or a promise of the place. */
function placed({ client, uri, dbName, driverOptions, writeConcern, ...given }) {
  const { later, ...place } = readTarget({ client, uri, dbName, driverOptions, writeConcern })
  if (later === undefined) return { given: { ...given, ...place } }
  return { given: { ...given, awaitsAddress: true }, later }
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
