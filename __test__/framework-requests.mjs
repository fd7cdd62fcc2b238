// Requests of frameworks that have no express-session in them, as these call their stores.
import { promisify } from 'node:util'
import { openidStore } from 'mongodb-session-store/express-openid-connect'
import { koaSessionStore } from 'mongodb-session-store/koa-session'
import { fastifySessionStore } from 'mongodb-session-store/mgcrea-fastify-session'
import { mongoSessionStorage } from 'mongodb-session-store/react-router'

/** A lifetime that no default has, in seconds. */
export const LIFETIME_S = 500

/**
 * By the package, a function that begins a request of its kind: `begin(store)` answers `request(sid)`, which reads
 * a session and answers its `data`, to be changed, with `save()` and `destroy()`.
 */
export const FRAMEWORKS = {
  'koa-session'(store) {
    const sessions = koaSessionStore(store)
    return async (sid) => {
      const options = { ctx: {}, rolling: false }
      const data = (await sessions.get(sid, undefined, options)) ?? {}
      return {
        data,
        save: () => sessions.set(sid, { ...data }, LIFETIME_S * 1000, options),
        destroy: () => sessions.destroy(sid, options),
      }
    }
  },
  '@mgcrea/fastify-session'(store) {
    const sessions = fastifySessionStore(store)
    return async (sid) => {
      const [data] = (await sessions.get(sid)) ?? [{}]
      const expiry = Date.now() + LIFETIME_S * 1000
      await sessions.touch(sid, expiry)
      return {
        data,
        save: () => sessions.set(sid, data, expiry),
        destroy: () => sessions.destroy(sid),
      }
    }
  },
  'express-openid-connect'(store) {
    const sessions = openidStore(store)
    const [get, set, destroy] = ['get', 'set', 'destroy'].map((name) => promisify(sessions[name]))
    return async (sid) => {
      const data = (await get(sid))?.data ?? {}
      const save = () => {
        const uat = Math.floor(Date.now() / 1000)
        const [maxAge, expires] = [LIFETIME_S * 1000, (uat + LIFETIME_S) * 1000]
        const header = { iat: uat, uat, exp: uat + LIFETIME_S }
        return set(sid, { header, data, cookie: { expires, maxAge } })
      }
      return { data, save, destroy: () => destroy(sid) }
    }
  },
  'react-router'(store) {
    const storage = mongoSessionStorage(createSessionStorage, { store })
    const cookies = new Map()
    return async (sid) => {
      const session = await storage.getSession(cookies.get(sid))
      return {
        data: session.data,
        save: async () => void cookies.set(sid, await storage.commitSession(session)),
        destroy: () => storage.destroySession(session),
      }
    }
  },
}

/** The least that React Router's function of this name does: its cookie is the id, its Session has but data. */
export function createSessionStorage({ createData, readData, updateData, deleteData }) {
  return {
    async getSession(cookie) {
      const data = cookie && (await readData(cookie))
      return { id: cookie ?? '', data: { ...data } }
    },
    async commitSession({ id, data }) {
      const expires = new Date(Date.now() + LIFETIME_S * 1000)
      if (id === '') return createData(data, expires)
      await updateData(id, data, expires)
      return id
    },
    async destroySession({ id }) {
      await deleteData(id)
      return ''
    },
  }
}
