// @mgcrea/fastify-session, which takes the store through its entry only.
import assert from 'node:assert/strict'
import test from 'node:test'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@mgcrea/fastify-session'
import fastify from 'fastify'
import { fastifySessionStore } from '../../lib/adapters/mgcrea-fastify-session.cjs'
import { Browser } from '../express-support.mjs'
import { Visitor } from '../parallel-support.mjs'
import { database, openStore } from '../support.mjs'
import { testRules } from './rules.mjs'

async function visit(t, store, cookie = {}) {
  const handlers = []
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: 'some secret of 32 characters or more',
    store: fastifySessionStore(store),
    saveUninitialized: false,
    cookie: { maxAge: 600, ...cookie },
  })
  app.post('/:number', async ({ params, session }) => {
    const body = await handlers[params.number]({ session })
    return JSON.stringify(body ?? null)
  })
  t.after(() => app.close())
  const browser = new Browser(await app.listen({ host: '127.0.0.1', port: 0 }))
  return new Visitor(browser, store, handlers)
}

testRules(visit)

test('a session lives from log-in to log-out, for as long as its cookie, and longer while it is read', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const visitor = await visit(t, store)
  const before = Date.now()
  await visitor.request(({ session }) => session.set('user', 'ada'))
  const { expires, session } = await sessions.findOne()
  assert.ok(expires.getTime() >= before + 600_000 && expires.getTime() <= Date.now() + 600_000)
  assert.equal(session.user, 'ada')
  await sessions.updateOne({}, { $set: { expires: new Date(Date.now() + 5_000) } })
  assert.equal(await visitor.request(({ session }) => session.get('user')), 'ada')
  assert.ok((await sessions.findOne()).expires.getTime() >= expires.getTime())

  await visitor.request(({ session }) => session.destroy())
  assert.equal(await sessions.countDocuments(), 0)
  assert.deepEqual(store.events, [])
})

test('a session without a lifetime lives for the ttl of the store, and an expired one reads as none', async (t) => {
  const { uri, sessions } = await database(t)
  const visitor = await visit(t, openStore(t, { uri, ttl: 5_000_000 }), { maxAge: undefined })
  const before = Date.now()
  await visitor.request(({ session }) => session.set('user', 'ada'))
  const { expires } = await sessions.findOne()
  assert.ok(expires.getTime() >= before + 5_000_000 && expires.getTime() <= Date.now() + 5_000_000)
  await sessions.updateOne({}, { $set: { expires: new Date(0) } })
  assert.equal(await visitor.request(({ session }) => session.get('user') ?? null), null)
})

test('a failure of the store is a failure of the request that saves', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const visitor = await visit(t, store)
  await store.close()
  visitor.handlers.push(({ session }) => session.set('user', 'ada'))
  assert.equal((await visitor.browser.post('/0')).status, 500)
})
