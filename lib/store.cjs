'use strict'

const { Store } = require('express-session')
const { CallbackCall, PromiseCall } = require('./call.cjs')
const { MongoSessionStoreError, fromNative, invalid, typeError } = require('./error.cjs')
const { attach, attached } = require('./fastify.cjs')
const { Form, checkAdapter } = require('./form.cjs')
const { History } = require('./history.cjs')
const { Known } = require('./known.cjs')
const { NativeStore, ...kinds } = require('./native.cjs')
const { readKeys, readOptions } = require('./options.cjs')
const { Sealing } = require('./sealing.cjs')
const { cookieExpires, encode, encodeChanges } = require('./session.cjs')
const { State } = require('./state.cjs')
const { readTarget } = require('./target.cjs')
const { unstorable } = require('./bson.cjs')

const { DONE, SESSION, SESSIONS, COUNT, FAILED, EVENT, DISCARDED, SKIPPED } = kinds

/** How many slots an answer takes in a drained array: ticket, kind, up to five values. */
const STRIDE = 7

/** How many slots a session takes. */
const SESSION_SLOTS = 5

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
  #skipsWhenDown
  /** Whether the addon has to be told what is known of a document. */
  #wantsFacts
  #form
  /** Saves that the application still encrypts. */
  #sealing
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
    const { ttl, encryption, serialize, unserialize, cryptoAdapter, ...others } =
      readOptions(options)
    const { given, later } = placed(others)
    if (cryptoAdapter !== undefined) checkAdapter(cryptoAdapter)
    if (typeof ttl === 'function' && given.fields?.lastAccess !== undefined) {
      throw invalid("option 'ttl' must be a number with 'fields.lastAccess'")
    }
    given.serialize = serialize !== undefined || cryptoAdapter?.encrypt !== undefined
    given.unserialize = unserialize !== undefined || cryptoAdapter !== undefined
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
    this.#wantsFacts = this.#native.wantsFacts
    this.#form = new Form({ serialize, unserialize, cryptoAdapter }, this.#native.writesText)
    this.#sealing = cryptoAdapter?.encrypt && new Sealing()
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
      call.sid = sid
      this.#submit(call, sid, (ticket) => this.#native.get(ticket, sid))
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
        const expires = cookieExpires(session)
        const known = this.#wantsFacts && isData(session) ? this.#known(sid, session) : undefined
        this.#submit(call, sid, (ticket) =>
          this.#native.touch(ticket, sid, ttl, expires, known?.expires, known?.created),
        )
      } catch (error) {
        call.fail(error)
      }
    }
    return call.promise
  }

  destroy(sid, callback) {
    const call = this.#open(callback)
    if (this.#accepts(call, sid)) {
      this.#submit(call, sid, (ticket) => this.#native.destroy(ticket, sid))
    }
    return call.promise
  }

  all(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#submit(call, null, (ticket) => this.#native.all(ticket))
    return call.promise
  }

  length(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#submit(call, null, (ticket) => this.#native.length(ticket))
    return call.promise
  }

  clear(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#submit(call, null, (ticket) => this.#native.clear(ticket))
    return call.promise
  }

  flagDeletion(sid, callback) {
    const call = this.#open(callback)
    const accepted = sid === null ? this.#accepts(call) : this.#accepts(call, sid)
    if (accepted) this.#submit(call, sid, (ticket) => this.#native.flagDeletion(ticket, sid))
    return call.promise
  }

  cleanup(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#submit(call, null, (ticket) => this.#native.cleanup(ticket))
    return call.promise
  }

  ping(callback) {
    const call = this.#open(callback)
    if (this.#accepts(call)) this.#submit(call, null, (ticket) => this.#native.ping(ticket))
    return call.promise
  }

  close(callback) {
    const call = this.#open(callback)
    if (this.#closed === undefined) {
      this.emit('info', 'Closing MongoDB connection to session store.')
      const closing = new PromiseCall()
      this.#submit(closing, null, (ticket) => this.#native.close(ticket))
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
    if (fetched?.store === this) Known.set(session, fetched.branch(req.sessionID))
    return session
  }

  /**
   * Saves a session. One that this store loaded or has saved before is sent with the states that
   * it may have in the database: the addon writes what differs from any of them, and does not
   * create the document again if it is gone. Where single fields cannot be written, all of it is.
   */
  #save(call, sid, session) {
    const ttl = this.#lifetime(session)
    const expires = cookieExpires(session)
    const known = isSession(session) ? this.#known(sid, session) : undefined
    const send = ({ text, specials, state, bases, isText }) => {
      const created = known?.created
      call.sid = sid
      this.#native.set(
        ...[this.#wait(call), sid, text, specials ?? '', ttl, expires],
        ...[bases, created, isText],
      )
      if (known !== undefined) known.saving(call, state)
      else if (isSession(session)) {
        call.onSuccess = () => Known.set(session, new History(this, sid, state))
      }
    }
    if (this.#sealing !== undefined) {
      const written = this.#form.write(session)
      const bases = known && []
      return this.#sealing.seal(sid, written, (sealed) => send({ ...sealed, bases }), call)
    }
    if (!this.#form.hasFields) {
      return send({ ...this.#form.write(session), bases: known && [] })
    }
    const states = this.#savesDifferences ? known?.states : undefined
    const encoded = (states && encodeChanges(session, states)) || encode(session)
    encoded.bases ??= known?.bases
    send(encoded)
  }

  /** What is known of a Session since the store loaded it under this id or has saved it. */
  #known(sid, session) {
    let known = Known.get(session)
    if (known === undefined) {
      const fetched = attached(session)
      if (fetched === undefined) return undefined
      known = fetched.branch(fetched.sid)
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

  /**
   * Leaves a call with the addon: behind what was called before it for the same session, or of a call
   * about all sessions (`sid` is null) behind everything, that the application still encrypts.
   */
  #submit(call, sid, send) {
    const before = this.#sealing?.before(sid)
    if (before === undefined) send(this.#wait(call))
    else this.#sealing.after(before, sid, () => send(this.#wait(call)), call)
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
      case SKIPPED:
        call.onSuccess?.()
        return call.succeed()
      case SESSION:
        if (value === undefined) return call.succeed(null)
        return this.#answerSession(call, drained, at)
      case SESSIONS:
        return this.#answerSessions(call, value)
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

  #answerSession(call, drained, at) {
    const facts = drained[at + 4]
    const isText = facts?.[0] === true
    const session = this.#form.read(drained[at], drained[at + 1], drained[at + 2], isText)
    const remember = (session) => {
      // What the application has read from a text is nothing that the addon could compare with.
      const isComparable = !isText || this.#form.readsOwnText
      const state = isComparable
        ? new State(drained[at], drained[at + 1], drained[at + 3])
        : undefined
      const fetched = new History(this, call.sid, state, facts)
      Known.set(session, fetched)
      attach(session, fetched)
      call.succeed(session)
    }
    if (session instanceof Promise) session.then(remember).catch((error) => call.fail(error))
    else remember(session)
  }

  /** One that cannot be read must not hide the others; `get` fails with it. */
  #answerSessions(call, list) {
    const sessions = []
    for (let at = 0; at < list.length; at += SESSION_SLOTS) {
      try {
        const isText = list[at + 4]?.[0] === true
        sessions.push(this.#form.read(list[at], list[at + 1], list[at + 2], isText))
      } catch {
        // See above.
      }
    }
    if (!sessions.some((session) => session instanceof Promise)) return call.succeed(sessions)
    Promise.allSettled(sessions).then((settled) => {
      const read = settled.filter(({ status }) => status === 'fulfilled')
      call.succeed(read.map(({ value }) => value))
    })
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
