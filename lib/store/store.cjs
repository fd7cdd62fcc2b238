'use strict'
// The class that applications use.
//
// One `get`: it opens a call (lib/calls/call.cjs) and leaves it with the channel (lib/calls/channel.cjs), which
// gives it a ticket and hands it to the addon. When the addon has answers, the channel drains them and gives each
// to lib/store/answers.cjs: there lib/sessions/encoding.cjs makes the session of text and specials, its loaded
// state is kept on it (lib/sessions/loaded-state.cjs), and the call answers its caller.
//
// One `set`: lib/store/saves.cjs asks lib/sessions/encoding.cjs how the session is written, and
// lib/sessions/encode.cjs writes it, or only what differs from the loaded state; the channel leaves it as it does a
// get. When the answer has come, the state that was saved is the loaded one.

const { Store } = require('express-session')
const { Answers } = require('./answers.cjs')
const {
  CallbackCall,
  PromiseCall,
  SilentCall,
  WatchedCall,
  begin,
  ended,
} = require('../calls/call.cjs')
const { Channel } = require('../calls/channel.cjs')
const { collectionKey } = require('./collection-key.cjs')
const { MongoSessionStoreError, fromNative, unfit } = require('../error.cjs')
const { LOST, report, tell } = require('./events.cjs')
const { noteOptions } = require('./given.cjs')
const { encodeFilter } = require('../lists/filter.cjs')
const { Encoding } = require('../sessions/encoding.cjs')
const { Observer } = require('../observability/observer.cjs')
const { isSid, transformed } = require('./ids.cjs')
const { koaArgument } = require('../calls/koa.cjs')
const { Derivation } = require('../sessions/derivation.cjs')
const { readFor } = require('../calls/read.cjs')
const { remember, remembered } = require('../sessions/remembered.cjs')
const { Devices, currentOf, handleOf } = require('../lists/devices.cjs')
const { Indexes } = require('../lists/indexes.cjs')
const { Lists } = require('../lists/lists.cjs')
const { limitOf, partOf } = require('../lists/place.cjs')
const { EVENT } = require('../native/addon.cjs')
const { nextTick } = require('../native/timers.cjs')
const { splitOptions } = require('./options.cjs')
const { PreviousStore } = require('./previous-store.cjs')
const { checkRequest, graceOf, newId } = require('./renewal.cjs')
const { Rules, authenticated, isFresh } = require('./rules.cjs')
const { Saves } = require('./saves.cjs')
const { Updates, changeOf, keyOf } = require('./updates.cjs')
const { wrongAnswers } = require('./wrong-answers.cjs')
const { originalMaxAge } = require('../sessions/cookie.cjs')
const { isData } = require('../sessions/session.cjs')
const { clientGetter, follow, placed } = require('../connection/target.cjs')
const { checkUserId, exceptionOf, textOfUser, userOf } = require('../lists/users.cjs')

class MongoSessionStore extends Store {
  #channel
  /** Which other stores have the same sessions. */
  #collection
  #encoding
  #lists
  #answers
  /** The functions of the application. */
  #rules
  #transformId
  #userId
  #devices
  #saves
  #updates
  #skipsWhenDown
  /** What moves sessions in, with the option `previousStore`. */
  #previous
  #observer
  #wrongAnswers = wrongAnswers((error) => this.#warn(error))
  /** Why the application's promise of a client was rejected, as its `reason`. */
  #rejection
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
    const { native, timeoutMs } = this.#channel
    this.#observer = new Observer(native)
    const rejection = {}
    if (later !== undefined) follow(native, later, rejection)
    const clientOf = clientGetter(unplaced.client)
    this.#encoding = new Encoding(own, { writesText: native.writesText, timeoutMs, clientOf })
    this.#lists = new Lists(this.#channel, (...args) => this.#encoding.read(...args))
    const renew = native.touchesOnGet ? (...args) => this.#renew(...args) : undefined
    this.#rules = new Rules(own, native.ttl)
    this.#transformId = own.transformId
    this.#userId = own.userId
    this.#devices = new Devices(own.device)
    this.#collection = collectionKey({ given, native, transformId: own.transformId })
    const parts = { channel: this.#channel, encoding: this.#encoding, lists: this.#lists }
    parts.collection = this.#collection
    const [rules, devices] = [this.#rules, this.#devices]
    const { userId } = own
    const users = userId && new Derivation((session) => userOf(userId, session))
    const indexes = Indexes.from(own.indexes)
    this.#saves = new Saves(this, { ...parts, rules, devices, users, indexes })
    const exchange = (call, session) => this.#saves.exchange(call, session)
    this.#updates = new Updates({ ...parts, exchange })
    if (own.previousStore !== undefined) {
      this.#previous = new PreviousStore(this, own, { ...parts, rules, devices, indexes })
    }
    this.#answers = new Answers(this, { ...parts, renew, previous: this.#previous, rejection })
    this.#rejection = rejection
    this.#skipsWhenDown = native.skipsWhenDown
    this.collectionName = native.collection
    this.prefix = native.prefix
    this.ttl = own.ttl ?? native.ttl
    this.createTTLIndex = native.createTTLIndex
    this.connected = false
  }

  get(sid, callback) {
    const call = this.#open('get', callback)
    if (this.#accepts('get', call, sid)) {
      const { id } = call
      call.event = 'get'
      // It may take more than one answer of the addon.
      if (this.#previous !== undefined) this.#lists.hold(ended(call))
      this.#channel.submit(call, id, (native, ticket) => native.get(ticket, id))
    }
    return call.promise
  }

  set(sid, session, callback) {
    const call = this.#open('set', callback)
    if (this.#accepts('set', call, sid, session)) {
      begin(call, () => this.#saves.save(call, session), this.#wrongAnswers)
    }
    return call.promise
  }

  touch(sid, session, callback) {
    const call = this.#open('touch', callback)
    if (this.#accepts('touch', call, sid)) {
      Object.assign(call, { event: 'touch', session })
      begin(call, () => this.#saves.touch(call, session), this.#wrongAnswers)
    }
    return call.promise
  }

  update(sid, change, callback) {
    const call = this.#open('update', callback)
    call.event = 'update'
    if (this.#accepts('update', call, sid)) {
      begin(call, () => this.#updates.run(call, changeOf(change), (session) => session))
    }
    return call.promise
  }

  take(sid, key, callback) {
    const call = this.#open('take', callback)
    call.event = 'take'
    if (this.#accepts('take', call, sid)) {
      begin(call, () => {
        const name = keyOf(key)
        let taken
        const remove = (session) => {
          taken = Object.hasOwn(session, name) ? session[name] : undefined
          return taken !== undefined && delete session[name]
        }
        this.#updates.run(call, remove, () => taken)
      })
    }
    return call.promise
  }

  renew(req, options, callback) {
    if (typeof options === 'function') return this.renew(req, undefined, options)
    const call = this.#open('renew', callback)
    begin(call, () => {
      checkRequest(this, req, this.#channel.native)
      const grace = graceOf(options)
      const { session, sessionID } = req
      if (!this.#accepts('renew', call, sessionID)) return
      const sid = newId(this, req)
      const to = this.#idOf(sid)
      const { succeed } = call
      call.succeed = (count) => {
        if (count === 1) this.#adopt(req, session, sid)
        succeed.call(call, count === 1)
      }
      this.#channel.submit(call, call.id, (native, ticket) =>
        native.renew(ticket, call.id, to, grace),
      )
    })
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
    return this.#channel.native.listedId(this.#idOf(sid))
  }

  destroy(sid, callback) {
    const call = this.#open('destroy', callback)
    if (this.#accepts('destroy', call, sid)) {
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
    return this.#list('all', callback, () => ({ sessionsOnly: true }), give)
  }

  length(callback) {
    return this.#aboutAll('length', this.#open('length', callback), (native, ticket) =>
      native.length(ticket),
    )
  }

  clear(callback) {
    return this.#changeAll('clear', this.#open('clear', callback), (native, ticket) => {
      this.#saves.newSessions.destroyingAll()
      native.clear(ticket)
    })
  }

  flagDeletion(sid, callback) {
    const call = this.#open('flagDeletion', callback)
    if (sid === null) {
      return this.#changeAll('flagDeletion', call, (native, ticket) =>
        native.flagDeletion(ticket, null),
      )
    }
    if (this.#accepts('flagDeletion', call, sid)) {
      this.#channel.submit(call, call.id, (native, ticket) => native.flagDeletion(ticket, call.id))
    }
    return call.promise
  }

  cleanup(callback) {
    return this.#changeAll('cleanup', this.#open('cleanup', callback), (native, ticket) =>
      native.cleanup(ticket),
    )
  }

  ping(callback) {
    return this.#aboutAll('ping', this.#open('ping', callback), (native, ticket) =>
      native.ping(ticket),
    )
  }

  ids(callback) {
    return this.#list('ids', callback, () => ({ idsOnly: true }))
  }

  entries(callback) {
    return this.#list('entries', callback, () => ({}))
  }

  find(filter, options, callback) {
    if (typeof options === 'function') return this.find(filter, undefined, options)
    return this.#list('find', callback, () => {
      return { filter: filter ?? null, part: partOf('find', options).part }
    })
  }

  count(filter, options, callback) {
    if (typeof options === 'function') return this.count(filter, undefined, options)
    const call = this.#open('count', callback, WatchedCall)
    begin(call, () => {
      const { text, specials } = encodeFilter('count', filter)
      const limit = limitOf('count', options)
      this.#aboutAll('count', call, (native, ticket) => native.count(ticket, text, specials, limit))
    })
    return call.promise
  }

  sessionsOf(user, callback) {
    return this.#list('sessionsOf', callback, () => {
      return { user: textOfUser('sessionsOf', this.#userId, user) }
    })
  }

  /** Like any generator, it begins when its first entry is asked for. */
  scan(options) {
    return this.#lists.walk(options, () => {
      const call = this.#open('scan')
      return { call, accepted: this.#accepts('scan', call) }
    })
  }

  /** Likewise. */
  users(options) {
    return this.#lists.walkUsers(options, () => {
      const call = this.#open('users')
      const accepted = begin(call, () => checkUserId('users', this.#userId))
      return { call, accepted: accepted && this.#accepts('users', call) }
    })
  }

  destroyByUser(user, options, callback) {
    if (typeof options === 'function') return this.destroyByUser(user, undefined, options)
    const call = this.#open('destroyByUser', callback)
    begin(call, () => this.#destroyByUser('destroyByUser', call, user, exceptionOf(options)))
    return call.promise
  }

  devices(user, options, callback) {
    if (typeof options === 'function') return this.devices(user, undefined, options)
    let sid
    let current
    const choose = () => {
      this.#devices.check('devices')
      sid = currentOf(options)
      if (sid !== undefined) current = this.idOf(sid)
      return { user: textOfUser('devices', this.#userId, user), method: 'devices' }
    }
    return this.#list('devices', callback, choose, async (call, entries) => {
      this.#lists.hold(ended(call))
      try {
        const isListed = current === undefined || entries.some((entry) => entry.sid === current)
        const handle = isListed ? undefined : await this.#handleBehind(sid, call)
        call.succeed(this.#devices.tell(entries, current, handle))
      } catch (error) {
        call.fail(error)
      }
    })
  }

  revoke(user, handle, callback) {
    const call = this.#open('revoke', callback)
    begin(call, () => {
      this.#devices.check('revoke')
      const text = textOfUser('revoke', this.#userId, user)
      const name = handleOf('revoke', handle)
      this.#changeAll('revoke', call, (native, ticket) => native.revoke(ticket, text, name))
    })
    return call.promise
  }

  revokeOthers(user, sid, callback) {
    const call = this.#open('revokeOthers', callback)
    if (this.#accepts('revokeOthers', call, sid)) {
      begin(call, () => this.#destroyByUser('revokeOthers', call, user, sid))
    }
    return call.promise
  }

  destroyMany(filter, callback) {
    // What a filter may hold is decided by the addon.
    const call = this.#open('destroyMany', callback, WatchedCall)
    begin(call, () => {
      const { text, specials } = encodeFilter('destroyMany', filter)
      this.#changeAll('destroyMany', call, (native, ticket) =>
        native.destroyMany(ticket, text, specials),
      )
    })
    return call.promise
  }

  close(callback) {
    const call = this.#open('close', callback)
    if (this.#closed === undefined) {
      this.emit('info', 'Closing MongoDB connection to session store.')
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
    if (typeof expires === 'number') sess.cookie.expires = new Date(expires)
    const session = super.createSession(req, sess)
    if (fetched?.collection === this.#collection && fetched.sid === req.sessionID) {
      const loaded = fetched.branch()
      loaded.isPassive = !this.#rules.isActivity(req)
      remember(session, loaded)
    }
    return session
  }

  /** Gives a request the same session under its new id. What the request has changed is saved there. */
  #adopt(req, session, sid) {
    const known = this.#saves.loadedState(req.sessionID, session)
    req.sessionID = sid
    // Of the cookie, as of the session, only its own fields: the others belong to the class.
    super.createSession(req, { ...session, cookie: { ...session.cookie } })
    if (known !== undefined) remember(req.session, known.renewed(sid))
  }

  /** The public name of the session to which an id leads that was given up; undefined if it leads nowhere. */
  async #handleBehind(sid, { verb, trace }) {
    if (!this.#channel.native.deleteFlags) return undefined
    const part = { sid, id: this.#idOf(sid), verb, trace }
    const session = await readFor(this.#channel, part, { isUse: false, hasSought: true })
    return session === null ? undefined : remembered(session)?.metadata?.[4]
  }

  #destroyByUser(method, call, user, except) {
    const text = textOfUser(method, this.#userId, user)
    const id = except === undefined ? undefined : this.#idOf(except)
    this.#changeAll(method, call, (native, ticket) => native.destroyByUser(ticket, text, id))
  }

  /**
   * Moves the expiry of a session that was read, as a touch would. Not if something else was called
   * for it since: that may decide its expiry, and would be undone.
   */
  #renew({ sid, id }, session, fetched) {
    if (this.#closed !== undefined || this.#channel.changes(id)) return
    try {
      const ttl = this.#rules.lifetime(session, originalMaxAge(session))
      this.#saves.move(new SilentCall(sid, id), session, ttl, undefined, fetched)
    } catch {
      // The function `ttl` does not like the session; who has read it is not to suffer from that.
    }
  }

  #open(method, callback, Promised = PromiseCall) {
    let call
    if (callback === undefined || callback === null) call = new Promised()
    else if (typeof callback === 'function') call = new CallbackCall(callback)
    else {
      const given = koaArgument(method, callback)
      if (given === undefined) throw unfit(method, 'callback', 'a function', callback)
      call = Object.assign(new Promised(), given)
    }
    this.#observer.begin(call, method)
    return call
  }

  /** Whether a call may go on, which then knows its session's id; otherwise it has failed. */
  #accepts(method, call, ...args) {
    if (this.#closed !== undefined) {
      call.fail(new MongoSessionStoreError('ERR_STORE_CLOSED', 'the session store is closed'))
    } else if (args.length > 0 && !isSid(args[0])) {
      call.refuse(unfit(method, 'session id', 'a string without lone surrogates', args[0]))
    } else if (args.length > 1 && !isData(args[1])) {
      call.refuse(unfit(method, 'session', 'an object', args[1]))
    } else {
      return args.length === 0 || this.#identifies(call, args[0])
    }
    return false
  }

  /** Finds out by which id the session of a call is stored. */
  #identifies(call, sid) {
    call.sid = sid
    if (this.#transformId === undefined) {
      call.id = sid
      return true
    }
    return begin(call, () => {
      call.id = transformed(this.#transformId, sid)
    })
  }

  #idOf(sid) {
    return this.#transformId === undefined ? sid : transformed(this.#transformId, sid)
  }

  /** Leaves a call that is about no single session. */
  #aboutAll(method, call, send) {
    if (this.#accepts(method, call)) this.#channel.submit(call, null, send)
    return call.promise
  }

  /** The same for one that may change any session. */
  #changeAll(method, call, send) {
    if (this.#accepts(method, call)) this.#channel.submitForAll(call, send)
    return call.promise
  }

  #list(method, callback, choose, give = (call, entries) => call.succeed(entries)) {
    const call = this.#open(method, callback)
    if (this.#accepts(method, call)) {
      this.#lists.collect(call, choose, (entries) => give(call, entries))
    }
    return call.promise
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
