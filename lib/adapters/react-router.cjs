'use strict'
// Session storage for React Router, whose createSessionStorage hands over an id and all of the data. Which Session
// these belong to is known around its calls: what was read for it is kept there.

const { AsyncLocalStorage } = require('node:async_hooks')
const { randomBytes } = require('node:crypto')
const { unfit } = require('../error.cjs')
const { isObject } = require('../sessions/session.cjs')
const { isSid } = require('../store/ids.cjs')
const { checkFields, checkStore, requestSession, withFields } = require('./request-session.cjs')

/** As many as express-session takes for an id. */
const ID_BYTES = 24

/** What `createSessionStorage` of React Router makes of the store. */
function mongoSessionStorage(createSessionStorage, options) {
  if (typeof createSessionStorage !== 'function') {
    throw unfit('mongoSessionStorage', 'createSessionStorage', 'a function', createSessionStorage)
  }
  const { store, cookie } = isObject(options) ? options : {}
  checkStore('mongoSessionStorage', store)
  /** What is known of the session that a call is about: its id, and the session as the store takes it. */
  const current = new AsyncLocalStorage()
  /** The same by the Session of React Router. */
  const known = new WeakMap()

  async function save(sid, data, expires) {
    checkFields('React Router', data)
    const { session } = current.getStore()
    const lifetimeMs = expires === undefined ? 'session' : expires.getTime() - Date.now()
    await store.set(sid, withFields(session, data), lifetimeMs)
  }

  const storage = createSessionStorage({
    cookie,
    async createData(data, expires) {
      const about = current.getStore()
      // A new Session that is committed again has still no id of its own.
      about.sid ??= randomBytes(ID_BYTES).toString('base64url')
      await save(about.sid, data, expires)
      return about.sid
    },
    async readData(sid) {
      // A cookie that is not signed may hold anything.
      const read = isSid(sid) ? await store.get(sid) : null
      if (read !== null) Object.assign(current.getStore(), { sid, session: requestSession(read) })
      return read
    },
    updateData: save,
    async deleteData(sid) {
      const id = sid === '' ? current.getStore().sid : sid
      if (id !== undefined) await store.destroy(id)
    },
  })

  const nothing = () => ({ sid: undefined, session: requestSession() })

  /** Calls React Router about a Session; of one that it was not asked for here, nothing is known. */
  function about(session, call) {
    if (!known.has(session)) known.set(session, nothing())
    return current.run(known.get(session), call)
  }

  return {
    async getSession(cookieHeader, parseOptions) {
      const found = nothing()
      const session = await current.run(found, () => storage.getSession(cookieHeader, parseOptions))
      // The id of a session that is gone would be used for the next one.
      if (found.sid === undefined && session.id !== '') return storage.getSession()
      known.set(session, found)
      return session
    },

    async commitSession(session, serializeOptions) {
      return about(session, () => storage.commitSession(session, serializeOptions))
    },

    async destroySession(session, serializeOptions) {
      return about(session, () => storage.destroySession(session, serializeOptions))
    },
  }
}

module.exports = { mongoSessionStorage }
