// What the tests with @fastify/session share: an app on a free port, and a browser to visit it.
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import fastify from 'fastify'
import { Browser } from './express-support.mjs'
import { Visitor } from './parallel-support.mjs'

/** @fastify/session wants 32 characters at least. */
export const SECRET = 'keyboard cat and keyboard kitten'

/**
 * Serves a Fastify app with the sessions of a store until the test has ended, and answers a browser
 * without any cookie. Untouched sessions are not saved unless `options` say so; `routes(app)` adds
 * what the app does.
 */
export async function visitFastify(t, store, options, routes) {
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: SECRET,
    store,
    saveUninitialized: false,
    ...options,
    cookie: { secure: false, ...options.cookie },
  })
  routes(app)
  t.after(() => app.close())
  return new Browser(await app.listen({ host: '127.0.0.1', port: 0 }))
}

/** A browser in front of an app whose handlers are written where they are needed. */
export async function fastifyVisitorOf(t, store, options) {
  const handlers = []
  const names = { cookieName: 'connect.sid', cookiePrefix: 's:' }
  const browser = await visitFastify(t, store, { ...names, ...options }, (app) => {
    app.post('/:number', async (req) => {
      const body = await handlers[req.params.number](req)
      return JSON.stringify(body ?? null)
    })
  })
  return new Visitor(browser, store, handlers)
}
