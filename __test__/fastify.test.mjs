// @fastify/session as the judge: what an application does with request.session.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import test from 'node:test'
import fastifyCookie from '@fastify/cookie'
import express from 'express'
import { Browser, nextMillisecond, serve, sessionOf } from './express-support.mjs'
import { SECRET, visitFastify } from './fastify-support.mjs'
import { database, failure, openStore, until } from './support.mjs'

const maxAge = 60_000

/** A test with a store, `visit(options, routes)`, and the official driver's view of the database. */
function onFastify(title, body) {
  test(`${title} (@fastify/session)`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri })
    const visit = (options, addRoutes = routes) => visitFastify(t, store, options, addRoutes)
    const find = (browser) => sessions.findOne({ _id: sidOf(browser) })
    await body({ t, uri, store, sessions, visit, find })
    assert.deepEqual(store.events, [])
  })
}

/** What most tests need: a way to log in, and to see who is. */
function routes(app) {
  app.post('/login/:name', async (req) => {
    req.session.user = req.params.name
    return 'welcome'
  })
  app.get('/whoami', async (req) => req.session.user ?? 'nobody')
}

const sidOf = (browser) => browser.sid('sessionId')

onFastify('who has logged in is known at the next request', async ({ visit, sessions }) => {
  const browser = await visit({ cookie: { maxAge } })
  const { cookie } = await browser.post('/login/ada')
  const [document] = await sessions.find().toArray()
  const { expires } = document
  assert.deepEqual(document, {
    _id: sidOf(browser),
    expires,
    session: {
      cookie: {
        path: '/',
        secure: false,
        sameSite: null,
        domain: null,
        httpOnly: true,
        _expires: expires,
        originalMaxAge: maxAge,
      },
      user: 'ada',
    },
  })
  assert.deepEqual(Object.keys(document), ['_id', 'expires', 'session'])
  assert.equal(cookie.expires.getTime(), Math.floor(expires.getTime() / 1000) * 1000)
  assert.equal((await browser.get('/whoami')).text, 'ada')
})

onFastify('two browsers have a session each', async ({ visit, sessions }) => {
  const ada = await visit({})
  await ada.post('/login/ada')
  const bob = ada.clone()
  bob.cookies.clear()
  await bob.post('/login/bob')
  assert.equal((await ada.get('/whoami')).text, 'ada')
  assert.equal((await bob.get('/whoami')).text, 'bob')
  assert.equal(await sessions.countDocuments(), 2)
})

onFastify('with rolling every response moves expiry and cookie', async ({ visit, find }) => {
  const browser = await visit({ cookie: { maxAge } })
  await browser.post('/login/ada')
  const sid = sidOf(browser)
  for (let request = 0; request < 3; request++) {
    const before = await find(browser)
    await nextMillisecond()
    const { text, cookie } = await browser.get('/whoami')
    assert.equal(text, 'ada')
    assert.equal(sidOf(browser), sid)
    const { expires, session } = await find(browser)
    assert.ok(expires > before.expires)
    assert.deepEqual(session.cookie._expires, expires)
    assert.equal(cookie.expires.getTime(), Math.floor(expires.getTime() / 1000) * 1000)
  }
})

onFastify('without rolling only a change is written', async ({ visit, find }) => {
  const browser = await visit({ rolling: false, cookie: { maxAge } })
  await browser.post('/login/ada')
  const before = await find(browser)
  await nextMillisecond()
  const { text, cookie } = await browser.get('/whoami')
  assert.equal(text, 'ada')
  assert.equal(cookie, undefined)
  assert.deepEqual(await find(browser), before)

  assert.notEqual((await browser.post('/login/bob')).cookie, undefined)
  const { expires, session } = await find(browser)
  assert.ok(expires > before.expires)
  assert.equal(session.user, 'bob')
})

onFastify(
  'a cookie without expiry keeps none; the ttl says when the session ends',
  async (world) => {
    const store = openStore(world.t, { uri: world.uri, ttl: 1_000_000 })
    const browser = await visitFastify(world.t, store, {}, routes)
    const before = Date.now()
    for (const request of [() => browser.post('/login/ada'), () => browser.get('/whoami')]) {
      const { cookie } = await request()
      assert.equal(cookie.expires, undefined)
      const { expires, session } = await world.find(browser)
      assert.ok(expires.getTime() >= before + 1_000_000)
      assert.ok(expires.getTime() <= Date.now() + 1_000_000)
      assert.equal(session.cookie._expires, null)
    }
  },
)

onFastify('a cookie that expires at a moment keeps that moment', async ({ visit, find }) => {
  const expires = new Date(Date.now() + 3_600_000)
  const browser = await visit({ cookie: { expires } })
  await browser.post('/login/ada')
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.deepEqual((await find(browser)).expires, expires)
})

onFastify('a session may have a lifetime of its own', async ({ visit, find }) => {
  const browser = await visit({ cookie: { maxAge } }, (app) => {
    routes(app)
    app.post('/remember', async (req) => {
      req.session.options({ maxAge: 100 * maxAge })
      req.session.remembered = true
      return 'done'
    })
  })
  await browser.post('/login/ada')
  const before = Date.now()
  await browser.post('/remember')
  for (let request = 0; request < 2; request++) {
    const { expires, session } = await find(browser)
    assert.ok(expires.getTime() >= before + 100 * maxAge)
    assert.equal(session.cookie.originalMaxAge, 100 * maxAge)
    assert.equal((await browser.get('/whoami')).text, 'ada')
  }
})

onFastify('saveUninitialized stores an untouched session', async ({ visit, find }) => {
  const browser = await visit({ saveUninitialized: true })
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  const sid = sidOf(browser)
  assert.deepEqual(Object.keys((await find(browser)).session), ['cookie'])
  await browser.post('/login/ada')
  assert.equal(sidOf(browser), sid)
  assert.equal((await find(browser)).session.user, 'ada')
})

onFastify('without saveUninitialized an untouched session leaves no trace', async (world) => {
  const browser = await world.visit({ saveUninitialized: false })
  const { text, cookie } = await browser.get('/whoami')
  assert.equal(text, 'nobody')
  assert.equal(cookie, undefined)
  assert.equal(await world.sessions.countDocuments(), 0)
})

onFastify('a regenerated session has a new id, and the old one is gone', async (world) => {
  const browser = await world.visit({}, (app) => {
    routes(app)
    app.post('/safe-login', async (req) => {
      await req.session.regenerate(['cart'])
      req.session.user = 'ada'
      return 'welcome'
    })
    app.post('/cart', async (req) => {
      req.session.cart = ['apple']
      return 'done'
    })
  })
  await browser.post('/login/guest')
  await browser.post('/cart')
  const attacker = browser.clone()

  await browser.post('/safe-login')
  assert.notEqual(sidOf(browser), sidOf(attacker))
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal((await attacker.get('/whoami')).text, 'nobody')
  assert.equal(await world.sessions.countDocuments(), 1)
  const { cookie: _cookie, ...data } = (await world.find(browser)).session
  assert.deepEqual(data, { cart: ['apple'], user: 'ada' })
})

onFastify('a destroyed session is gone, and its cookie is worth nothing', async (world) => {
  const browser = await world.visit({}, (app) => {
    routes(app)
    app.post('/logout', async (req) => {
      await req.session.destroy()
      return String(req.session)
    })
  })
  await browser.post('/login/ada')
  const sid = sidOf(browser)
  assert.equal((await browser.post('/logout')).text, 'null')
  assert.equal(await world.sessions.countDocuments(), 0)
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  await browser.post('/login/bob')
  assert.notEqual(sidOf(browser), sid)
  assert.equal(await world.sessions.countDocuments(), 1)
})

onFastify('a session that has expired is a new one with a new id', async (world) => {
  const browser = await world.visit({ cookie: { maxAge } })
  await browser.post('/login/ada')
  const sid = sidOf(browser)
  const past = new Date(Date.now() - 1000)
  await world.sessions.updateOne({ _id: sid }, { $set: { expires: past } })
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  await browser.post('/login/bob')
  assert.notEqual(sidOf(browser), sid)
})

onFastify('save writes before the response, reload reads again', async ({ visit, find }) => {
  const browser = await visit({}, (app) => {
    app.post('/', async (req) => {
      req.session.step = 1
      await req.session.save()
      req.session.step = 2
      await req.session.reload()
      const { step } = req.session
      req.session.step = 3
      return String(step)
    })
  })
  assert.equal((await browser.post('/')).text, '1')
  assert.equal((await find(browser)).session.step, 3)
})

onFastify('what a session holds comes back with its types', async ({ visit }) => {
  const values = {
    since: new Date(0),
    key: Buffer.from('key'),
    count: 2n ** 60n,
    nested: { 'a.b': [null, { $c: 1 }] },
  }
  const found = {}
  const browser = await visit({}, (app) => {
    app.post('/', async (req) => {
      Object.assign(req.session, values)
      return 'done'
    })
    app.get('/', async (req) => {
      const { cookie: _cookie, ...data } = req.session
      Object.assign(found, data)
      return 'done'
    })
  })
  await browser.post('/')
  await browser.get('/')
  for (const symbol of Object.getOwnPropertySymbols(found)) delete found[symbol]
  assert.deepEqual(found, values)
})

onFastify('an app of Express and one of Fastify share their sessions', async ({ t, ...world }) => {
  const inFastify = await world.visit({ cookieName: 'connect.sid', cookiePrefix: 's:' })
  const app = express()
  app.use(sessionOf(world.store, { secret: SECRET, cookie: { maxAge } }))
  app.post('/login/:name', (req, res) => {
    req.session.user = req.params.name
    res.end()
  })
  app.get('/whoami', (req, res) => res.send(req.session.user ?? 'nobody'))
  const inExpress = new Browser(await serve(t, app))

  await inExpress.post('/login/ada')
  const sid = inExpress.sid()
  inFastify.cookies = inExpress.cookies
  assert.equal((await inFastify.get('/whoami')).text, 'ada')
  await inFastify.post('/login/bob')
  assert.equal((await inExpress.get('/whoami')).text, 'bob')
  await inExpress.post('/login/eve')
  assert.equal((await inFastify.get('/whoami')).text, 'eve')
  assert.deepEqual(await world.sessions.distinct('_id'), [sid])
})

onFastify('app.close saves what is under way, then closes the store', async (world) => {
  let closing
  const browser = await world.visit({}, (app) => {
    routes(app)
    app.addHook('onClose', () => world.store.close())
    app.post('/slow', async (req) => {
      req.session.slow = true
      closing = app.close()
      await until(() => !app.server.listening, 'the server to let nobody in')
      return 'done'
    })
  })
  await browser.post('/login/ada')
  // A connection that is kept alive would hold up the server for more than a minute.
  assert.equal((await browser.post('/slow', { connection: 'close' })).text, 'done')
  await closing
  assert.equal((await world.find(browser)).session.slow, true)
  assert.equal((await failure(world.store.get('sid'))).code, 'ERR_STORE_CLOSED')
})

for (const whenDown of ['error', 'skip']) {
  test(`an error reaches the app's handler, whenDown ${whenDown} (@fastify/session)`, async (t) => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const uri = `mongodb://127.0.0.1:${server.address().port}/express_sessions`
    const store = openStore(t, { uri, operationTimeout: 300, whenDown })
    const errors = []
    const browser = await visitFastify(t, store, {}, (app) => {
      routes(app)
      app.setErrorHandler(async (error, req, reply) => {
        errors.push(error)
        reply.status(503)
        return 'sorry'
      })
    })
    assert.equal((await browser.get('/whoami')).text, 'nobody', 'nothing is asked for')

    browser.keep({ name: 'sessionId', value: fastifyCookie.sign('some-session-id', SECRET) })
    const unread = await browser.get('/whoami')
    assert.equal(unread.status, 503)
    assert.equal(unread.text, 'sorry')
    assert.equal(errors.length, 1)

    browser.cookies.clear()
    const unsaved = await browser.post('/login/ada')
    assert.equal(unsaved.status, 503)
    assert.equal(unsaved.cookie, undefined)
    assert.equal(errors.length, 2)
    for (const error of errors) {
      assert.equal(error.name, 'MongoSessionStoreError')
      assert.match(error.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
      assert.doesNotMatch(error.message, /some-session-id/)
    }
  })
}
