'use strict'
// A store for koa-session, which hands over whole sessions, and with each call the context of the request: by that it
// is known what the request has read.

const { unfit } = require('../error.cjs')
const { isObject } = require('../sessions/session.cjs')
const { checkFields, checkStore, requestSession, withFields } = require('./request-session.cjs')

/** What koa-session takes as its option `store`. */
function koaSessionStore(store) {
  checkStore('koaSessionStore', store)
  /** By the context of a request, its session and the id of that. */
  const sessions = new WeakMap()

  return {
    async get(sid, _maxAge, options) {
      const ctx = contextOf('get', options)
      const read = await store.get(sid)
      if (read !== null) sessions.set(ctx, { sid, session: requestSession(read) })
      return read
    },

    async set(sid, fields, maxAge, options) {
      const ctx = contextOf('set', options)
      checkFields('koa-session', fields)
      if (sessions.get(ctx)?.sid !== sid) sessions.set(ctx, { sid, session: requestSession() })
      const { session } = sessions.get(ctx)
      await store.set(sid, withFields(session, fields), maxAge)
    },

    async destroy(sid) {
      await store.destroy(sid)
    },
  }
}

/** The context of the request, which koa-session gives since version 6.1. */
function contextOf(method, options) {
  if (isObject(options?.ctx)) return options.ctx
  throw unfit(method, 'option ctx', 'the context of the request, as koa-session 6.1 gives it', options?.ctx) // prettier-ignore
}

module.exports = { koaSessionStore }
