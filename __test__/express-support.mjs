// What the tests with real applications share: an app on a free port, and a browser to visit it.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import test from 'node:test'
import express5 from 'express'
import session from 'express-session'
import { database, openStore, until } from './support.mjs'

const SECRET = 'keyboard cat'

const require = createRequire(import.meta.url)

/**
 * Runs the same promise for an app of Express 5 and of Express 4, on both engines. `body` gets
 * the test context and:
 *
 * - `express`: the version of Express
 * - `open(options)`: opens a store; `store` is one that is open already
 * - `visit(options, routes)`: serves an app with a session middleware of these options (resave and
 *   saveUninitialized are false unless given) and answers a browser without any cookie.
 *   `routes(app)` adds what the app does
 * - `witness`: what is in the database, see `witnessOf`
 * - `sessions`: the collection, on MongoDB only
 */
export function onEveryApp(title, body) {
  for (const [version, express] of [
    ['Express 5', express5],
    // Loaded only here: most files need one Express.
    ['Express 4', require('express4')],
  ]) {
    test(`${title} (${version}, mongodb)`, async (t) => {
      const { uri, sessions } = await database(t)
      const open = (options) => openStore(t, { uri, ...options })
      await body(t, world(t, { express, open, sessions }))
    })
    test(`${title} (${version}, memory)`, async (t) => {
      const open = (options) => openStore(t, { uri: 'memory:', ...options })
      await body(t, world(t, { express, open }))
    })
  }
}

/** The same, on MongoDB with Express 5 only: for what lies outside of Express. */
export function onMongodb(title, body) {
  test(title, async (t) => {
    const { uri, sessions } = await database(t)
    const open = (options) => openStore(t, { uri, ...options })
    await body(t, { ...world(t, { express: express5, open, sessions }), uri })
  })
}

function world(t, { express, open, sessions }) {
  const store = open()
  return {
    express,
    open,
    sessions,
    store,
    witness: witnessOf(store, sessions),
    async visit(options, routes) {
      const app = express()
      app.use(sessionOf(store, options))
      routes(app)
      return new Browser(await serve(t, app))
    },
  }
}

/** A session middleware with the options that the README recommends, unless others are given. */
export function sessionOf(store, options) {
  return session({ secret: SECRET, resave: false, saveUninitialized: false, store, ...options })
}

/**
 * What is in the database, as the official driver sees it, or on the engine without a server, as
 * the store presents it: how many sessions (`count`), and of one of them whether there is one
 * (`has`), what it holds (`data`) and the moment of its expiry (`expires`).
 */
function witnessOf(store, sessions) {
  if (!sessions) {
    return {
      count: () => store.length(),
      has: async (sid) => (await store.get(sid)) !== null,
      data: async (sid) => withoutCookie(await store.get(sid)),
      expires: async (sid) => (await store.get(sid)).cookie.expires?.getTime(),
    }
  }
  const find = async (sid) => {
    const document = await sessions.findOne({ _id: sid })
    if (!document) throw new Error('the collection has no such session')
    return document
  }
  return {
    count: () => sessions.countDocuments(),
    has: async (sid) => (await sessions.findOne({ _id: sid })) !== null,
    data: async (sid) => withoutCookie((await find(sid)).session),
    expires: async (sid) => (await find(sid)).expires.getTime(),
  }
}

function withoutCookie({ cookie: _cookie, ...data }) {
  return data
}

/** Serves an app on a free port until the test has ended, and answers its origin. */
export async function serve(t, app) {
  // Express prints errors that no handler takes, unless it is told that this is a test.
  app.set?.('env', 'test')
  const server = createServer(app).listen(0, '127.0.0.1')
  // Or it would hang up on a browser that comes back after five seconds.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** A browser with one origin and no memory but its cookies. */
export class Browser {
  constructor(origin, cookies = []) {
    this.origin = origin
    this.cookies = new Map(cookies)
  }

  get(path, headers) {
    return this.request('GET', path, headers)
  }

  post(path, headers, body) {
    return this.request('POST', path, headers, body)
  }

  /** Answers `{ status, text, cookie }`: the body, and the cookie that was set, if one was. */
  async request(method, path, headers = {}, body = undefined) {
    const response = await fetch(this.origin + path, {
      method,
      headers: { ...this.cookieHeader(), ...headers },
      body,
      redirect: 'manual',
    })
    const cookies = response.headers.getSetCookie().map(parseCookie)
    for (const cookie of cookies) this.keep(cookie)
    const text = await response.text()
    return { status: response.status, text, cookie: cookies[0], cookies }
  }

  cookieHeader() {
    const cookie = [...this.cookies.values()]
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    return cookie === '' ? {} : { cookie }
  }

  /** Keeps a cookie until it is cleared, expired or not: what the server makes of it is tested. */
  keep(cookie) {
    if (cookie.expires?.getTime() === 0) this.cookies.delete(cookie.name)
    else this.cookies.set(cookie.name, cookie)
  }

  /** The session id that the browser holds in a cookie. */
  sid(name = 'connect.sid') {
    return sidOf(this.cookies.get(name))
  }

  /** Another browser with the same cookies at this moment. */
  clone() {
    return new Browser(this.origin, this.cookies)
  }
}

/** The session id in the signed value of a cookie; @fastify/session leaves out the prefix. */
export function sidOf(cookie) {
  return /^(?:s:)?(.+)\.[^.]+$/.exec(decodeURIComponent(cookie.value))[1]
}

/** A Set-Cookie header as an object, with the attributes under their names in lower case. */
function parseCookie(header) {
  const [pair, ...rest] = header.split('; ')
  const at = pair.indexOf('=')
  const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1) }
  for (const attribute of rest) {
    const [, name, value = true] = /^([^=]+)(?:=(.*))?$/.exec(attribute)
    cookie[name.toLowerCase()] = value
  }
  if (cookie.expires) cookie.expires = new Date(cookie.expires)
  return cookie
}

/** The cookie of a session id, signed as the app does it. */
export function cookieOf(sid) {
  const signature = createHmac('sha256', SECRET).update(sid).digest('base64').replace(/=+$/, '')
  return { name: 'connect.sid', value: encodeURIComponent(`s:${sid}.${signature}`) }
}

/**
 * The `originalMaxAge` of a cookie that was configured with this `maxAge`. express-session computes it
 * from two readings of the clock, so it may be a little less.
 */
export function originalMaxAge(cookie, maxAge) {
  const found = Number(cookie.originalMaxAge)
  assert.ok(found <= maxAge && found > maxAge - 10_000, String(found))
  return found
}

/** Waits until the clock has moved on, so that what happens next happens later. */
export async function nextMillisecond() {
  const now = Date.now()
  await until(() => Date.now() > now)
}
