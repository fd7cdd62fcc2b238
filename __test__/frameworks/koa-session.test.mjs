// koa-session, which calls a store with lifetimes and options, without callbacks.
import assert from 'node:assert/strict'
import test from 'node:test'
import Koa from 'koa'
import sessions from 'koa-session'
import { koaSessionStore } from '../../lib/adapters/koa-session.cjs'
import { Browser, serve } from '../express-support.mjs'
import { Visitor } from '../parallel-support.mjs'
import { database, openStore, until } from '../support.mjs'
import { testRules } from './rules.mjs'

async function visit(t, options = {}, storeOptions = {}) {
  const { uri, sessions: stored } = await database(t)
  const store = openStore(t, { uri, ...storeOptions })
  const app = new Koa()
  app.silent = true
  app.keys = ['some secret']
  app.use(sessions({ store, signed: false, ...options }, app))
  app.use(async (ctx) => {
    switch (ctx.path) {
      case '/login':
        ctx.session.user = 'ada'
        break
      case '/views':
        ctx.session.views = (ctx.session.views ?? 0) + 1
        break
      case '/logout':
        ctx.session = null
        break
    }
    ctx.body = ctx.session?.user ?? 'nobody'
  })
  return { store, stored, browser: new Browser(await serve(t, app.callback())) }
}

testRules(async (t, store) => {
  const handlers = []
  const app = new Koa()
  app.keys = ['some secret']
  app.use(sessions({ store: koaSessionStore(store) }, app))
  app.use(async (ctx) => {
    const session = {
      get: (key) => ctx.session[key],
      set: (key, value) => void (ctx.session[key] = value),
      destroy: () => void (ctx.session = null),
    }
    ctx.body = JSON.stringify((await handlers[ctx.path.slice(1)]({ session })) ?? null)
  })
  return new Visitor(new Browser(await serve(t, app.callback())), store, handlers)
})

test('a session lives from log-in to log-out, for as long as koa-session says', async (t) => {
  const { store, stored, browser } = await visit(t, { maxAge: 600_000 })
  assert.equal((await browser.get('/')).text, 'nobody')
  assert.equal(await stored.countDocuments(), 0)

  const before = Date.now()
  await browser.get('/login')
  const { expires, session } = await stored.findOne()
  assert.equal(session.user, 'ada')
  // koa-session has stores keep what its cookie says for ten seconds more.
  assert.equal(expires.getTime() >= before + 600_000, true)
  assert.equal(expires.getTime() <= Date.now() + 610_000, true)
  assert.equal((await browser.get('/')).text, 'ada')

  await browser.get('/views')
  const { session: later } = await stored.findOne()
  assert.deepEqual([later.user, later.views, 'cookie' in later], ['ada', 1, false])

  await browser.get('/logout')
  assert.equal(await stored.countDocuments(), 0)
  assert.deepEqual(store.events, [])
})

test('a session that ends with the browser lives for the ttl of the store', async (t) => {
  const { stored, browser } = await visit(t, { maxAge: 'session' }, { ttl: 5_000_000 })
  const before = Date.now()
  await browser.get('/login')
  const { expires } = await stored.findOne()
  assert.equal(expires.getTime() >= before + 5_000_000, true)
  assert.equal((await browser.get('/')).text, 'ada')
})

test('an expired session reads as none', async (t) => {
  const { stored, browser } = await visit(t, { maxAge: 600_000 })
  await browser.get('/login')
  await stored.updateOne({}, { $set: { expires: new Date(0) } })
  assert.equal((await browser.get('/')).text, 'nobody')
})

test('a failure of the store is a failure of the request', async (t) => {
  const { store, browser } = await visit(t, { maxAge: 600_000 })
  await browser.get('/login')
  await store.close()
  await until(async () => (await browser.get('/')).status === 500, 'the failure')
})
