'use strict'
// The class that applications use.
//
// One `get`: lib/store/admission.cjs opens a call (lib/calls/call.cjs) and checks its arguments, and the channel
// (lib/calls/channel.cjs) gives it a ticket and hands it to the addon. When the addon has answers, the channel
// drains them and gives each to lib/store/answers.cjs: there lib/sessions/encoding.cjs makes the session of text and
// specials, its loaded state is kept on it (lib/sessions/loaded-state.cjs), and the call answers its caller.
//
// One `set`: lib/store/saves.cjs asks lib/sessions/encoding.cjs how the session is written, and
// lib/sessions/encode.cjs writes it, or only what differs from the loaded state; the channel leaves it as it does a
// get. When the answer has come, the state that was saved is the loaded one.
//
// What takes more than a few lines is beside: changes that nothing undoes (updates.cjs), new ids (renewal.cjs), the
// sessions of a user (user-sessions.cjs), lists (lib/lists/lists.cjs).

const { Store } = require('express-session')
const { Admission } = require('./admission.cjs')
const { Answers } = require('./answers.cjs')
const { PromiseCall, WatchedCall, begin, ended } = require('../calls/call.cjs')
const { Channel } = require('../calls/channel.cjs')
const { collectionKey } = require('./collection-key.cjs')
const { MongoSessionStoreError, fromNative, unfit } = require('../error.cjs')
const { LOST, report, tell } = require('./events.cjs')
const { noteOptions } = require('./given.cjs')
const { encodeFilter } = require('../lists/filter.cjs')
const { Encoding } = require('../sessions/encoding.cjs')
const { Observer } = require('../observability/observer.cjs')
const { isSid } = require('./ids.cjs')
const { Derivation } = require('../sessions/derivation.cjs')
const { remember, remembered } = require('../sessions/remembered.cjs')
const { Devices } = require('../lists/devices.cjs')
const { Indexes } = require('../lists/indexes.cjs')
const { Lists } = require('../lists/lists.cjs')
const { limitOf, partOf } = require('../lists/place.cjs')
const { EVENT } = require('../native/addon.cjs')
const { nextTick } = require('../native/timers.cjs')
const { splitOptions } = require('./options.cjs')
const { PreviousStore } = require('./previous-store.cjs')
const { Renewals } = require('./renewal.cjs')
const { refusedSaves } = require('./refused-saves.cjs')
const { Rules, authenticated, isFresh } = require('./rules.cjs')
const { Saves } = require('./saves.cjs')
const { Updates, changeOf, removalOf } = require('./updates.cjs')
const { UserSessions } = require('./user-sessions.cjs')
const { isData } = require('../sessions/session.cjs')
const { clientGetter } = require('../connection/client.cjs')
const { follow, placed } = require('../connection/target.cjs')
const { exceptionOf, userOf } = require('../lists/users.cjs')

class MongoSessionStore extends Store {
  #channel
  /** Which other stores have the same sessions. */
  #collection
  #observer
  #admission
  #lists
  #answers
  /** The functions of the application. */
  #rules
  #saves
  #updates
  #renewals
  #userSessions
  /** What moves sessions in, with the option `previousStore`. */
  #previous
  #skipsWhenDown
  /** What tells of saves that were refused. */
  #refused = refusedSaves((error) => this.#warn(error))
  /** Why the application's promise of a client was rejected, as its `reason`. */
  #rejection = {}
  #closed

  constructor(options = {}) {
    super()
    // express-session listens twice for each middleware, and one store may serve many.
    this.setMaxListeners(0)
    const { own, given: unplaced, keys } = splitOptions(options)
    noteOptions(this, options)
    const { given, later } = placed(unplaced)
    const receive = (call, kind, slots, at) => {
      if (kind === EVENT) this.#emit(slots[at], slots[at + 1])
      else this.#answers.give(call, kind, slots, at)
    }
    const waits = given.encryptsOutside || own.previousStore !== undefined
    const report = (...args) => this.#observer.report(...args)
    this.#channel = new Channel(given, keys, receive, { waits, report })
    const channel = this.#channel
    const { native, timeoutMs } = channel
    const observer = (this.#observer = new Observer(native))
    if (later !== undefined) follow(native, later, this.#rejection)
    const clientOf = clientGetter(unplaced.client)
    const { writesText } = native
    const encoding = new Encoding(own, { writesText, timeoutMs, clientOf })
    const lists = (this.#lists = new Lists(channel, (...args) => encoding.read(...args)))
    const rules = (this.#rules = new Rules(own, native.ttl))
    const { transformId, userId } = own
    const refused = this.#refused
    const admission = new Admission({ channel, observer, lists, transformId, refused })
    this.#admission = admission
    const devices = new Devices(own.device)
    const collection = collectionKey({ given, native, transformId })
    this.#collection = collection
    const users = userId && new Derivation((session) => userOf(userId, session))
    const indexes = Indexes.from(own.indexes)
    const parts = { channel, collection, encoding, lists, rules, devices, users, indexes, refused }
    const saves = (this.#saves = new Saves(this, parts))
    this.#updates = new Updates(channel, lists, (...args) => saves.exchange(...args))
    this.#renewals = new Renewals(this, channel, admission, saves)
    this.#userSessions = new UserSessions({ ...parts, admission }, userId)
    if (own.previousStore !== undefined) this.#previous = new PreviousStore(this, own, parts)
    const prolong = (...args) => {
      if (!admission.isClosed) saves.prolong(...args)
    }
    this.#answers = new Answers(this, {
      collection,
      encoding,
      lists,
      prolong: native.touchesOnGet ? prolong : undefined,
      previous: this.#previous,
      rejection: this.#rejection,
      refused,
    })
    this.#skipsWhenDown = native.skipsWhenDown
    this.collectionName = native.collection
    this.prefix = native.prefix
    this.ttl = own.ttl ?? native.ttl
    this.createTTLIndex = native.createTTLIndex
    this.connected = false
  }

  get(sid, callback) {
    const call = this.#admission.open('get', callback)
    if (this.#admission.accepts(call, sid)) {
      const { id } = call
      call.event = 'get'
      // It may take more than one answer of the addon.
      if (this.#previous !== undefined) this.#lists.hold(ended(call))
      this.#channel.submit(call, id, (native, ticket) => native.get(ticket, id))
    }
    return call.promise
  }

  set(sid, session, callback) {
    const call = this.#admission.open('set', callback)
    if (this.#admission.accepts(call, sid, session)) {
      begin(call, () => this.#saves.save(call, session), this.#refused)
    }
    return call.promise
  }

  touch(sid, session, callback) {
    const call = this.#admission.open('touch', callback)
    if (this.#admission.accepts(call, sid)) {
      Object.assign(call, { event: 'touch', session })
      begin(call, () => this.#saves.touch(call, session), this.#refused)
    }
    return call.promise
  }

  update(sid, change, callback) {
    const call = this.#admission.open('update', callback)
    call.event = 'update'
    if (this.#admission.accepts(call, sid)) {
      begin(call, () => this.#updates.run(call, changeOf(change), (session) => session))
    }
    return call.promise
  }

  take(sid, key, callback) {
    const call = this.#admission.open('take', callback)
    call.event = 'take'
    if (this.#admission.accepts(call, sid)) {
      begin(call, () => this.#updates.run(call, ...removalOf(key)))
    }
    return call.promise
  }

  renew(req, options, callback) {
    if (typeof options === 'function') return this.renew(req, undefined, options)
    const call = this.#admission.open('renew', callback)
    begin(call, () => this.#renewals.run(call, req, options))
    return call.promise
  }

  /** Takes note in a session that its user has just proved who they are; see `isFresh`. */
  authenticated(session) {
    authenticated(session)
  }

  isFresh(session, ms) {
    return isFresh(session, ms)
  }

  /** What lists and the events `revoked` and `expired` have for a session id. */
  idOf(sid) {
    if (!isSid(sid)) throw unfit('idOf', 'session id', 'a string without lone surrogates', sid)
    return this.#admission.listedIdOf(sid)
  }

  destroy(sid, callback) {
    const call = this.#admission.open('destroy', callback)
    if (this.#admission.accepts(call, sid)) {
      call.event = 'destroy'
      const send = (native, ticket) => {
        this.#saves.newSessions.destroying(sid)
        native.destroy(ticket, call.id)
      }
      if (this.#previous === undefined) this.#channel.submit(call, call.id, send)
      else this.#channel.submitPending(call, call.id, this.#previous.destroy(sid), send)
    }
    return call.promise
  }

  all(callback) {
    // Not as a reaction to a promise, in which the caller's would come before the listeners.
    const give = (call, sessions) =>
      nextTick(() => {
        tell(this, 'all', sessions)
        call.succeed(sessions)
      })
    return this.#admission.list('all', callback, () => ({ sessionsOnly: true }), give)
  }

  length(callback) {
    const call = this.#admission.open('length', callback)
    return this.#admission.aboutAll(call, (native, ticket) => native.length(ticket))
  }

  clear(callback) {
    const call = this.#admission.open('clear', callback)
    return this.#admission.changeAll(call, (native, ticket) => {
      this.#saves.newSessions.destroyingAll()
      native.clear(ticket)
    })
  }

  flagDeletion(sid, callback) {
    const call = this.#admission.open('flagDeletion', callback)
    if (sid === null) {
      return this.#admission.changeAll(call, (native, ticket) => native.flagDeletion(ticket, null))
    }
    if (this.#admission.accepts(call, sid)) {
      this.#channel.submit(call, call.id, (native, ticket) => native.flagDeletion(ticket, call.id))
    }
    return call.promise
  }

  cleanup(callback) {
    const call = this.#admission.open('cleanup', callback)
    return this.#admission.changeAll(call, (native, ticket) => native.cleanup(ticket))
  }

  ping(callback) {
    const call = this.#admission.open('ping', callback)
    return this.#admission.aboutAll(call, (native, ticket) => native.ping(ticket))
  }

  ids(callback) {
    return this.#admission.list('ids', callback, () => ({ idsOnly: true }))
  }

  entries(callback) {
    return this.#admission.list('entries', callback, () => ({}))
  }

  find(filter, options, callback) {
    if (typeof options === 'function') return this.find(filter, undefined, options)
    return this.#admission.list('find', callback, () => {
      return { filter: filter ?? null, part: partOf('find', options).part }
    })
  }

  count(filter, options, callback) {
    if (typeof options === 'function') return this.count(filter, undefined, options)
    const call = this.#admission.open('count', callback, WatchedCall)
    begin(call, () => {
      const { text, specials } = encodeFilter('count', filter)
      const limit = limitOf('count', options)
      this.#admission.aboutAll(call, (native, ticket) =>
        native.count(ticket, text, specials, limit),
      )
    })
    return call.promise
  }

  sessionsOf(user, callback) {
    return this.#userSessions.entries(user, callback)
  }

  /** Like any generator, it begins when its first entry is asked for. */
  scan(options) {
    return this.#lists.walk(options, () => {
      const call = this.#admission.open('scan')
      return { call, accepted: this.#admission.accepts(call) }
    })
  }

  /** Likewise. */
  users(options) {
    return this.#userSessions.users(options)
  }

  destroyByUser(user, options, callback) {
    if (typeof options === 'function') return this.destroyByUser(user, undefined, options)
    const call = this.#admission.open('destroyByUser', callback)
    begin(call, () => this.#userSessions.end(call, user, exceptionOf(options)))
    return call.promise
  }

  devices(user, options, callback) {
    if (typeof options === 'function') return this.devices(user, undefined, options)
    return this.#userSessions.devices(user, options, callback)
  }

  revoke(user, handle, callback) {
    const call = this.#admission.open('revoke', callback)
    begin(call, () => this.#userSessions.endOne(call, user, handle))
    return call.promise
  }

  revokeOthers(user, sid, callback) {
    const call = this.#admission.open('revokeOthers', callback)
    if (this.#admission.accepts(call, sid)) {
      begin(call, () => this.#userSessions.end(call, user, sid))
    }
    return call.promise
  }

  destroyMany(filter, callback) {
    // What a filter may hold is decided by the addon.
    const call = this.#admission.open('destroyMany', callback, WatchedCall)
    begin(call, () => {
      const { text, specials } = encodeFilter('destroyMany', filter)
      this.#admission.changeAll(call, (native, ticket) =>
        native.destroyMany(ticket, text, specials),
      )
    })
    return call.promise
  }

  close(callback) {
    const call = this.#admission.open('close', callback)
    if (this.#closed === undefined) {
      this.emit('info', 'Closing MongoDB connection to session store.')
      this.#admission.close()
      const close = () => {
        const closing = Object.assign(new PromiseCall(), { isPatient: true })
        this.#channel.submitForAll(closing, (native, ticket) => native.close(ticket))
        return closing.promise
      }
      const closed = this.#lists.areFinished ? close() : this.#lists.finish(close)
      this.#closed = closed.finally(() => {
        this.connected = false
        this.#channel.release()
        this.#observer.closed()
      })
    }
    this.#closed.then(
      () => call.succeed(),
      (error) => call.fail(error),
    )
    return call.promise
  }

  stats() {
    return this.#observer.stats()
  }

  /**
   * Makes the Session of what `get` has read, and remembers what that was. One that is taken over under
   * another id is a new session there.
   */
  createSession(req, sess) {
    const fetched = remembered(sess)
    // One of another program, of which express-session would fail to make a Session.
    if (!isData(sess.cookie)) sess.cookie = {}
    const { expires } = sess.cookie
    if (typeof expires === 'number') sess.cookie = { ...sess.cookie, expires: new Date(expires) }
    const session = super.createSession(req, sess)
    if (fetched?.collection === this.#collection && fetched.sid === req.sessionID) {
      const loaded = fetched.branch()
      loaded.isPassive = !this.#rules.isActivity(req)
      remember(session, loaded)
    }
    return session
  }

  #warn(error) {
    this.#observer.warned(error)
    return report(this, 'warning', error)
  }

  #emit(event, value) {
    if (event === 'revoked' || event === 'expired') return this.emit(event, value)
    const error = value && fromNative(value, this.#rejection.reason)
    switch (event) {
      case 'connected':
        this.connected = true
        this.#observer.reached()
        this.emit('info', 'Connected to MongoDB for session store.')
        return this.emit('connect')
      case 'disconnected':
        this.connected = false
        this.#observer.lost(error)
        // express-session goes on without sessions from this event on, until `connect`.
        if (this.#skipsWhenDown) this.emit('disconnect')
        this.emit(LOST)
        return report(this, 'error', error)
      case 'warning':
        return this.#warn(error)
    }
  }
}

module.exports = { MongoSessionStore, MongoSessionStoreError }
