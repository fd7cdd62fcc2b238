'use strict'
// A store for @mgcrea/fastify-session. It keeps the very object that it was given of a session, changes that, and
// hands it over at the end of the request: by this object it is known what the request has read.

const { unstorable } = require('../error.cjs')
const { nextTick } = require('../native/timers.cjs')
const { cookieExpires } = require('../sessions/cookie.cjs')
const { checkStore, requestSession, withFields } = require('./request-session.cjs')

/** What @mgcrea/fastify-session takes as its option `store`. */
function fastifySessionStore(store) {
  checkStore('fastifySessionStore', store)
  /** By the data of a session, the session as the store takes it, and its id. */
  const sessions = new WeakMap()
  /** By their ids, those that were read just now: each is touched at once, and the touch brings only the id. */
  const justRead = new Map()

  return {
    async get(sid) {
      const read = await store.get(sid)
      if (read === null) return null
      const { cookie: _cookie, ...data } = read
      const session = withFields(requestSession(read), read)
      sessions.set(data, { sid, session })
      justRead.set(sid, session)
      // By then the caller has gone on.
      nextTick(() => justRead.delete(sid))
      return [data, cookieExpires(read) ?? null]
    },

    async set(sid, data, expiry) {
      // Nothing is to be lost without a word.
      if (Object.hasOwn(data, 'cookie')) {
        throw unstorable("a session of @mgcrea/fastify-session can have no key 'cookie'")
      }
      if (sessions.get(data)?.sid !== sid) sessions.set(data, { sid, session: requestSession() })
      const { session } = sessions.get(data)
      await store.set(sid, withFields(session, { cookie: cookieOf(expiry), ...data }))
    },

    async touch(sid, expiry) {
      // Functions of the application may ask what is in it.
      const session = justRead.get(sid) ?? (await store.get(sid))
      if (session === null) return
      session.cookie = cookieOf(expiry)
      await store.touch(sid, session)
    },

    async destroy(sid) {
      await store.destroy(sid)
    },
  }
}

/** The cookie of a session that expires at this moment, in milliseconds; without one, the `ttl` counts. */
function cookieOf(expiry) {
  return typeof expiry === 'number' ? { _expires: new Date(expiry) } : {}
}

module.exports = { fastifySessionStore }
