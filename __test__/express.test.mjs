// express-session as the judge: what an application builds around its sessions.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:net'
import test from 'node:test'
import express5 from 'express'
import express4 from 'express4'
import { Browser, cookieOf, onEveryApp, serve, sessionOf } from './express-support.mjs'
import { openStore, until } from './support.mjs'

onEveryApp('two applications share a collection by their prefixes', async (t, world) => {
  const { express, open, witness, sessions } = world
  const shop = open({ prefix: 'shop:' })
  const admin = open({ prefix: 'admin:' })
  const routes = express
    .Router()
    .get('/', (req, res) => res.send(req.session.user ?? 'nobody'))
    .post('/login/:user', (req, res) => {
      req.session.user = req.params.user
      res.send(req.sessionID)
    })
  const app = express()
  // Even with the same ids, as two applications with one genid may have.
  const genid = () => 'same'
  app.use('/shop', sessionOf(shop, { name: 'shop', genid, cookie: { path: '/shop' } }), routes)
  app.use('/admin', sessionOf(admin, { name: 'admin', genid, cookie: { path: '/admin' } }), routes)
  const browser = new Browser(await serve(t, app))

  assert.equal((await browser.post('/shop/login/ada')).text, 'same')
  assert.equal((await browser.get('/admin')).text, 'nobody')
  assert.equal((await browser.post('/admin/login/root')).text, 'same')
  assert.equal((await browser.get('/shop')).text, 'ada')
  assert.equal((await browser.get('/admin')).text, 'root')

  if (sessions) {
    assert.deepEqual(await witness.data('shop:same'), { user: 'ada' })
    assert.deepEqual(await witness.data('admin:same'), { user: 'root' })
  }
  await shop.clear()
  assert.equal((await browser.get('/shop')).text, 'nobody')
  assert.equal((await browser.get('/admin')).text, 'root')
})

onEveryApp('parallel requests of one browser all keep their changes', async (t, world) => {
  const browser = await world.visit({ saveUninitialized: true }, (app) => {
    let waiting = []
    app.post('/', (req, res) => res.end())
    // All have loaded their session before any of them saves.
    app.post('/:key', (req, res) => {
      req.session[req.params.key] = true
      waiting.push(res)
      if (waiting.length < 20) return
      for (const response of waiting) response.end()
      waiting = []
    })
  })
  await browser.post('/')
  const sid = browser.sid()
  const keys = Array.from({ length: 20 }, (_, index) => `key${index}`)
  const statuses = await Promise.all(
    keys.map(async (key) => (await browser.post(`/${key}`)).status),
  )
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(browser.sid(), sid)
  assert.deepEqual(
    await world.witness.data(sid),
    Object.fromEntries(keys.map((key) => [key, true])),
  )
})

onEveryApp('a slow request does not undo a logout', async (t, { visit, store, witness }) => {
  const browser = await visit({}, (app) => {
    app.post('/login', (req, res) => {
      req.session.user = 'ada'
      res.end()
    })
    app.post('/slow', async (req, res) => {
      req.session.slow = true
      await logout.post('/logout')
      res.end()
    })
    app.post('/logout', (req, res, next) => {
      req.session.destroy((error) => (error ? next(error) : res.end()))
    })
  })
  await browser.post('/login')
  const logout = browser.clone()
  assert.equal((await browser.post('/slow')).status, 200)
  assert.equal(await witness.has(logout.sid()), false)
  assert.deepEqual(store.events, [{ name: 'discard', value: logout.sid() }])
})

onEveryApp('an error handler reads and writes the session', async (t, { visit, witness }) => {
  const browser = await visit({}, (app) => {
    app.post('/login', (req, res) => {
      req.session.user = 'ada'
      res.end()
    })
    app.get('/fail', () => {
      throw new Error('broken')
    })
    app.use((error, req, res, _next) => {
      req.session.flash = error.message
      res.status(500).send(`sorry, ${req.session.user}`)
    })
  })
  await browser.post('/login')
  const { status, text } = await browser.get('/fail')
  assert.equal(status, 500)
  assert.equal(text, 'sorry, ada')
  assert.deepEqual(await witness.data(browser.sid()), { user: 'ada', flash: 'broken' })
})

onEveryApp('async context from before the sessions is there after them', async (t, world) => {
  const { express, store } = world
  const requests = new AsyncLocalStorage()
  const app = express()
  app.use((req, res, next) => requests.run(req.headers['x-request'], next))
  app.use(sessionOf(store))
  app.get('/', (req, res, next) => {
    const seen = [requests.getStore()]
    req.session.views = (req.session.views ?? 0) + 1
    req.session.save((error) => {
      if (error) return next(error)
      seen.push(requests.getStore())
      req.session.reload((error) => {
        if (error) return next(error)
        seen.push(requests.getStore())
        store.length(() => res.json([...seen, requests.getStore()]))
      })
    })
  })
  const browser = new Browser(await serve(t, app))
  await browser.get('/', { 'x-request': 'first' })
  // In parallel, because their answers come out of the store together.
  await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map(async (id) => {
      const { text } = await browser.get('/', { 'x-request': id })
      assert.deepEqual(JSON.parse(text), [id, id, id, id])
    }),
  )
})

for (const [version, express] of [
  ['Express 5', express5],
  ['Express 4', express4],
]) {
  test(`an error of the store reaches the app's error handler (${version})`, async (t) => {
    const store = openStore(t, { uri: await deadServer(t), operationTimeout: 300 })
    const app = express()
    app.use(sessionOf(store))
    app.get('/', (req, res) => res.send('welcome'))
    app.post('/login', (req, res) => {
      req.session.user = 'ada'
      res.send('welcome')
    })
    const errors = []
    app.use((error, req, res, next) => {
      errors.push(error)
      // A save fails when the answer is on its way already.
      if (res.headersSent) return next(error)
      res.status(503).send('sorry')
    })
    const browser = new Browser(await serve(t, app))
    assert.equal((await browser.get('/')).text, 'welcome', 'without a cookie nothing is asked for')

    browser.keep(cookieOf('some-session-id'))
    const { status, text } = await browser.get('/')
    assert.equal(status, 503)
    assert.equal(text, 'sorry')
    assert.equal(errors.length, 1)

    browser.cookies.clear()
    // Whether the browser sees the answer cut off or whole is up to Express.
    await browser.post('/login').catch(() => {})
    await until(() => errors.length === 2, 'the error of the save')
    for (const error of errors) {
      assert.equal(error.name, 'MongoSessionStoreError')
      assert.match(error.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
      assert.doesNotMatch(error.message, /some-session-id/)
    }
  })
}

/** The connection string of a server that hangs up on everyone. */
async function deadServer(t) {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `mongodb://127.0.0.1:${server.address().port}/express_sessions`
}
