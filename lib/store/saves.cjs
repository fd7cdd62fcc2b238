'use strict'
// What writes a session: a save as a difference or as a whole, one that wants it as it was read, and a touch.

const { PromiseCall, SilentCall } = require('../calls/call.cjs')
const { cookieExpires, originalMaxAge, storedCookie } = require('../sessions/cookie.cjs')
const { encode, encodeChanges } = require('../sessions/encode.cjs')
const { attached } = require('../sessions/fastify.cjs')
const { int64sOf } = require('../sessions/int64s.cjs')
const { NewSessions } = require('../sessions/new-sessions.cjs')
const { remember, remembered } = require('../sessions/remembered.cjs')
const { isData, isSession } = require('../sessions/session.cjs')
const { indexTerms } = require('../lists/indexes.cjs')
const { tellSaved } = require('./events.cjs')

/** Where nothing stands beside a session. */
const NO_GROUPS = []

class Saves {
  #store
  /** Which stores have the same sessions. */
  #collection
  #channel
  #encoding
  #rules
  /** What stands beside a session: whose it is, and by what it is found. */
  #users
  #indexes
  #devices
  /** What hears of the errors of what was only promised. */
  #refused
  #savesDifferences
  /** Whether the addon has to be told what is known of a document. */
  #wantsMetadata
  newSessions = new NewSessions()

  constructor(store, { collection, channel, encoding, rules, users, indexes, devices, refused }) {
    this.#store = store
    this.#collection = collection
    this.#channel = channel
    this.#encoding = encoding
    this.#rules = rules
    this.#users = users
    this.#indexes = indexes
    this.#devices = devices
    this.#refused = refused
    this.#savesDifferences = channel.native.savesDifferences
    this.#wantsMetadata = channel.native.wantsMetadata
  }

  /**
   * Saves a session. One that this store loaded or has saved before is sent with the states that
   * it may have in the database: the addon writes what differs from any of them, and does not
   * create the document again if it is gone. Where single fields cannot be written, all of it is.
   */
  save(call, session, event = 'set') {
    const { sid, id } = call
    const ttl = this.#rules.lifetime(session, call.lifetimeMs)
    const expires = cookieExpires(session)
    const user = this.#users?.of(session)
    const indexed = this.#indexes?.of(session)
    const userKeys = this.#users?.keys
    const indexKeys = this.#indexes?.keys
    const groups = this.#groups(userKeys, indexKeys)
    const isOurs = isSession(session)
    const loaded = isOurs ? this.loadedState(sid, session) : undefined
    const keeps = loaded !== undefined && !loaded.changesCookie(session)
    const cookie = { ...session.cookie }
    const terms = this.#terms(session, keeps && loaded.isPassive)
    Object.assign(call, { event, session })
    const send = (native, ticket, { text, specials = '', isText, bases: fewer, state }) => {
      // What was called before for this session may have waited for its turn as well.
      const known = loaded ?? (isOurs ? this.loadedState(sid, session) : undefined)
      const bases = fewer ?? (groups === null ? known && [] : known?.bases)
      const before = known?.user === user ? undefined : known?.user
      const owner =
        user === undefined
          ? [undefined, undefined, undefined]
          : [user, before, userKeys ?? undefined]
      const handle = this.#devices.handleFor(user, known?.hasHandle)
      const indexes = indexed && indexTerms(indexed, known?.indexes, groups && indexKeys)
      if (user !== undefined) state.user = user
      if (indexed !== undefined) state.indexes = indexed
      state.hasHandle = handle !== undefined || known?.hasHandle
      if (handle !== undefined || indexes !== undefined) owner.push({ ...terms, handle, indexes })
      else if (terms !== undefined) owner.push(terms)
      const since = Date.now()
      const { created } = known ?? {}
      // prettier-ignore
      native.set(ticket, id, text, specials, ttl, expires, bases, created, isText, keeps, ...owner)
      if (known !== undefined) known.saving(call, state, since, cookie)
      else if (isOurs) this.newSessions.saving(call, this.#collection, state, since, cookie)
    }
    const written = this.#write(session, loaded, groups)
    // One that fails while it waits for its turn is no unhandled rejection then.
    if (written instanceof Promise) written.catch(this.#refused)
    const isFirst = isOurs && loaded === undefined
    if (isFirst && (this.newSessions.has(sid, session) || this.#channel.isPending(id))) {
      const turn = async () => {
        await this.newSessions.settled(sid, session)
        return written
      }
      this.#channel.submitPending(call, id, turn, send)
    } else if (written instanceof Promise) this.#channel.submitPending(call, id, written, send)
    else this.#channel.submit(call, id, (native, ticket) => send(native, ticket, written))
  }

  /**
   * Writes all of a session that was read by a call of its own, and promises whether it still was what it was
   * then. That is no use of the session, so its expiry stays, unless its cookie was changed.
   */
  async exchange({ sid, id, trace }, session) {
    const loaded = remembered(session)
    const [ttl, expires] = [this.#rules.lifetime(session), cookieExpires(session)]
    const isUnchanged = !loaded.changesCookie(session)
    const user = this.#users?.of(session)
    const handle = this.#devices.handleFor(user, loaded.hasHandle)
    const indexes = indexTerms(this.#indexes?.of(session))
    const terms = { ...this.#terms(session, isUnchanged), handle, indexes, isExchange: true }
    const int64s = int64sOf(loaded)
    const encoding = this.#encoding
    const {
      text,
      specials = '',
      isText,
    } = await (encoding.hasFields
      ? encode({ ...session, cookie: storedCookie(session.cookie) }, int64s)
      : encoding.write(session, int64s))
    const base = [loaded.stored.text, loaded.stored.specials]
    const call = Object.assign(new PromiseCall(), { sid, id, trace })
    // prettier-ignore
    this.#channel.submit(call, id, (native, ticket) =>
      native.set(ticket, id, text, specials, ttl, expires, base, loaded.created, isText, isUnchanged, user, undefined, undefined, terms),
    )
    if ((await call.promise) === 0) return false
    tellSaved(this.#store, { sid, session }, false)
    return true
  }

  /** What only some options ask of a save; undefined where that is nothing. */
  #terms(session, isPassive) {
    const absoluteTimeout = this.#rules.absoluteTimeout(session)
    const mostSessions = this.#rules.mostSessions(session)
    if (absoluteTimeout === undefined && mostSessions === undefined && !isPassive) return undefined
    return { absoluteTimeout, mostSessions, isPassive }
  }

  /**
   * The keys that are written together because they make what stands beside the session; null where any may,
   * or where the application makes the fields itself.
   */
  #groups(userKeys, indexKeys = NO_GROUPS) {
    if (userKeys === undefined && indexKeys === NO_GROUPS) return NO_GROUPS
    if (!this.#encoding.keepsKeys) return null
    const groups = userKeys === undefined ? indexKeys : [userKeys, ...indexKeys]
    return groups.includes(null) ? null : groups
  }

  /** What is sent of a session; perhaps a promise. All of it where any key may belong to others (null). */
  #write(session, known, groups) {
    const int64s = int64sOf(known ?? session)
    if (!this.#encoding.hasFields) return this.#encoding.write(session, int64s)
    const states = this.#savesDifferences && groups !== null ? known?.states : undefined
    return (states && encodeChanges(session, states, groups, int64s)) || encode(session, int64s)
  }

  /** Moves the expiry of a session; one that is no use of it does nothing. */
  touch(call, session) {
    const loaded = isData(session) ? this.loadedState(call.sid, session) : undefined
    if (loaded?.changesCookie(session)) return this.#touchWithCookie(call, session, loaded)
    if (loaded?.isPassive) return call.succeed()
    if (this.#wantsMetadata) loaded?.touching(call)
    this.move(call, session, this.#rules.lifetime(session), cookieExpires(session), loaded)
  }

  /**
   * Moves the expiry of a session that was read, as a touch would. Not if something else was called
   * for it since: that may decide its expiry, and would be undone.
   */
  prolong({ sid, id }, session, fetched) {
    if (this.#channel.changes(id)) return
    try {
      const ttl = this.#rules.lifetime(session, originalMaxAge(session))
      this.move(new SilentCall(sid, id), session, ttl, undefined, fetched)
    } catch {
      // The function `ttl` does not like the session; who has read it is not to suffer from that.
    }
  }

  /** Sends that the expiry of a session moves; `known` is what is known of it, if anything. */
  move(call, session, ttl, expires, known) {
    const { id } = call
    const end = this.#rules.absoluteTimeout(session)
    const isLoaded = known !== undefined
    // prettier-ignore
    this.#channel.submit(call, id, (native, ticket) =>
      native.touch(ticket, id, ttl, expires, known?.expires, known?.created, isLoaded, undefined, undefined, end),
    )
  }

  /**
   * A touch of a session whose cookie a request has changed, which express-session does not take for a change
   * of the session. Where single fields cannot be written, all of it is.
   */
  #touchWithCookie(call, session, known) {
    if (!this.#encoding.hasFields) return this.save(call, session, 'touch')
    const { id } = call
    const [ttl, expires] = [this.#rules.lifetime(session), cookieExpires(session)]
    const end = this.#rules.absoluteTimeout(session)
    const { text, specials } = encode({ cookie: session.cookie })
    known.touching(call, { ...session.cookie })
    // prettier-ignore
    this.#channel.submit(call, id, (native, ticket) =>
      native.touch(ticket, id, ttl, expires, known.expires, known.created, false, text, specials, end),
    )
  }

  /** What is known of a Session since a store of these sessions loaded it under this id or has saved it. */
  loadedState(sid, session) {
    let known = remembered(session)
    if (known === undefined) {
      const fetched = attached(session)
      if (fetched === undefined) return undefined
      known = fetched.branch()
      remember(session, known)
    }
    return known.collection === this.#collection && known.sid === sid ? known : undefined
  }
}

module.exports = { Saves }
