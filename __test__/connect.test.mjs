// express-session in an app of connect, in which there is neither Express's request nor its response.
import assert from 'node:assert/strict'
import connect from 'connect'
import {
  Browser,
  nextMillisecond,
  onMongodb,
  originalMaxAge,
  serve,
  sessionOf,
} from './express-support.mjs'

/** An app of connect whose middleware is written as `{ 'METHOD /path': (req, res, next) => … }`. */
async function visit(t, { store }, options, routes) {
  const app = connect()
  app.use(sessionOf(store, options))
  app.use((req, res, next) => {
    const handle = routes[`${req.method} ${req.url}`]
    return handle ? handle(req, res, next) : next()
  })
  app.use((error, req, res, _next) => {
    res.statusCode = 500
    res.end(`${error.message}, ${req.session?.user ?? 'nobody'}`)
  })
  return new Browser(await serve(t, app))
}

const routes = {
  'POST /login': (req, res) => {
    req.session.user = 'ada'
    res.end('welcome')
  },
  'GET /whoami': (req, res) => res.end(req.session.user ?? 'nobody'),
  'POST /logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('bye')))
  },
}

onMongodb('a session lives from login to logout (connect)', async (t, world) => {
  const browser = await visit(t, world, { rolling: true, cookie: { maxAge: 60_000 } }, routes)
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.equal(await world.witness.count(), 0)

  assert.notEqual((await browser.post('/login')).cookie, undefined)
  const sid = browser.sid()
  const document = await world.sessions.findOne()
  assert.deepEqual(document, {
    _id: sid,
    expires: document.expires,
    session: {
      cookie: {
        path: '/',
        _expires: document.expires,
        originalMaxAge: originalMaxAge(document.session.cookie, 60_000),
        httpOnly: true,
      },
      user: 'ada',
    },
  })

  await nextMillisecond()
  const { text, cookie } = await browser.get('/whoami')
  assert.equal(text, 'ada')
  const expires = await world.witness.expires(sid)
  assert.ok(expires > document.expires.getTime())
  assert.equal(cookie.expires.getTime(), Math.floor(expires / 1000) * 1000)

  assert.equal((await browser.post('/logout')).text, 'bye')
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.equal(await world.witness.count(), 0)
  assert.deepEqual(world.store.events, [])
})

onMongodb('a regenerated session has a new id, and the old one is gone (connect)', async (t, w) => {
  const browser = await visit(
    t,
    w,
    {},
    {
      ...routes,
      'POST /regenerate': (req, res, next) => {
        const { user } = req.session
        req.session.regenerate((error) => {
          if (error) return next(error)
          req.session.user = user
          res.end()
        })
      },
    },
  )
  await browser.post('/login')
  const attacker = browser.clone()
  await browser.post('/regenerate')
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal((await attacker.get('/whoami')).text, 'nobody')
  assert.deepEqual(await w.sessions.distinct('_id'), [browser.sid()])
})

onMongodb('parallel requests keep their changes (connect)', async (t, world) => {
  const browser = await visit(
    t,
    world,
    {},
    {
      ...routes,
      'POST /slow': async (req, res) => {
        req.session.slow = true
        await other.post('/quick')
        res.end()
      },
      'POST /quick': (req, res) => {
        req.session.quick = true
        res.end()
      },
    },
  )
  await browser.post('/login')
  const other = browser.clone()
  await browser.post('/slow')
  assert.deepEqual(await world.witness.data(browser.sid()), {
    user: 'ada',
    quick: true,
    slow: true,
  })
})

onMongodb('a slow request does not undo a logout (connect)', async (t, world) => {
  const browser = await visit(
    t,
    world,
    {},
    {
      ...routes,
      'POST /slow': async (req, res) => {
        req.session.slow = true
        await other.post('/logout')
        res.end()
      },
    },
  )
  await browser.post('/login')
  const other = browser.clone()
  await browser.post('/slow')
  assert.equal(await world.witness.count(), 0)
  assert.deepEqual(world.store.events, [{ name: 'discard', value: browser.sid() }])
})

onMongodb('an error leaves the session as it was changed (connect)', async (t, world) => {
  const browser = await visit(
    t,
    world,
    {},
    {
      ...routes,
      'POST /fail': (req) => {
        req.session.user = 'bob'
        throw new Error('broken')
      },
    },
  )
  await browser.post('/login')
  const { status, text } = await browser.post('/fail')
  assert.equal(status, 500)
  assert.equal(text, 'broken, bob')
  assert.deepEqual(await world.witness.data(browser.sid()), { user: 'bob' })
})

onMongodb(
  "an error of the store reaches the app's error middleware (connect)",
  async (t, world) => {
    const browser = await visit(t, world, {}, routes)
    await browser.post('/login')
    await world.store.close()
    const { status, text } = await browser.get('/whoami')
    assert.equal(status, 500)
    assert.equal(text, 'the session store is closed, nobody')
  },
)
