// What a client of the model test does with a store, in the process of the test or in its own.
import assert from 'node:assert/strict'
import session from 'express-session'
import { MongoSessionStore } from '../index.mjs'

const LIFETIME = 86_400_000

/** Whose a session is, with the option `users`: by keys that are saved together. */
const userId = ({ one, two }) => [two, one].find((value) => USERS.includes(value))

/** Values of these keys that name somebody. */
export const USERS = ['ada', 'bob']

/** Requests in progress, each with the session that it holds, on a store of its own. */
export class Client {
  #requests = new Map()
  #discarded = []
  #users

  constructor({ users, ...options }) {
    this.#users = users ? USERS : []
    // The same by two options: they agree whatever happens.
    const named = users && { userId, indexes: { owner: userId } }
    this.store = new MongoSessionStore({ ...options, ...named })
    this.store.on('discard', (sid) => this.#discarded.push(sid))
    this.store.generate = (req) => generate(req)
  }

  /** Does one step of a schedule and answers what the application sees of it. */
  run({ verb, slot, ...args }) {
    const req = this.#requests.get(slot)
    if (verb === 'load' || verb === 'generate') return this[verb](slot, args)
    if (verb === 'observe' || verb === 'forget') return this[verb](args)
    if (verb === 'clear') return this.store.clear()
    if (verb === 'everywhere') return this.store.destroyByUser(args.user)
    return req?.session ? this[verb](req, args) : 'holds nothing'
  }

  async load(slot, { sid }) {
    const req = { sessionID: sid, sessionStore: this.store }
    const data = await this.store.get(sid)
    if (data !== null) this.store.createSession(req, data)
    this.#requests.set(slot, req)
    return shown(req.session)
  }

  generate(slot, { sid, expires }) {
    const req = { nextSid: sid, sessionStore: this.store, expires }
    generate(req)
    this.#requests.set(slot, req)
  }

  change({ session }, { key, value }) {
    if (value === undefined) delete session[key]
    else session[key] = value
  }

  save({ session }, { expires }) {
    session.cookie._expires = new Date(expires)
    return done((callback) => session.save(callback))
  }

  /** Two saves of which the first is not awaited. */
  rush(req, { key, value, other, expires }) {
    this.change(req, { key, value })
    const saves = [this.save(req, { expires })]
    this.change(req, { key: other, value })
    return Promise.all([...saves, this.save(req, { expires })])
  }

  touch({ session, sessionID }, { expires }) {
    session.cookie._expires = new Date(expires)
    return this.store.touch(sessionID, session)
  }

  async reload(req) {
    const outcome = await done((callback) => req.session.reload(callback))
    return outcome ?? shown(req.session)
  }

  destroy({ session }) {
    return done((callback) => session.destroy(callback))
  }

  regenerate(req, { sid, expires }) {
    Object.assign(req, { nextSid: sid, expires })
    return done((callback) => req.session.regenerate(callback))
  }

  flag({ sessionID }) {
    return this.store.flagDeletion(sessionID)
  }

  /** What there is at the end: the sessions, and which saves were discarded. */
  async observe({ sids }) {
    const sessions = {}
    for (const sid of sids) sessions[sid] = shown(await this.store.get(sid))
    const owned = {}
    for (const user of this.#users) {
      owned[user] = (await this.store.sessionsOf(user)).map(({ sid }) => sid).sort()
      const found = await this.store.find({ owner: user })
      assert.deepEqual(
        found.map(({ sid }) => sid),
        owned[user],
        'found by index and by user',
      )
    }
    return { sessions, owned, length: await this.store.length(), discarded: this.#discarded }
  }

  async forget() {
    this.#requests.clear()
    this.#discarded = []
    await this.store.clear()
    await this.store.cleanup()
  }
}

/** Makes a new session, as the middleware of express-session does. */
function generate(req) {
  req.sessionID = req.nextSid
  req.session = new session.Session(req)
  req.session.cookie = new session.Cookie()
  Object.assign(req.session.cookie, { _expires: new Date(req.expires), originalMaxAge: LIFETIME })
}

/** A session as plain data; JSON would not keep its dates apart from text. */
function shown(session) {
  if (!session) return null
  const { cookie, ...data } = session
  return { ...data, cookie: { expires: cookie.expires, originalMaxAge: cookie.originalMaxAge } }
}

/** How a call with a callback ends. */
function done(call) {
  return new Promise((resolve) => call((error) => resolve(error?.message)))
}
