// express-session as the judge: what cookies the browser is given, and how long they are good for.
import assert from 'node:assert/strict'
import {
  cookieOf,
  nextMillisecond,
  onEveryApp,
  onMongodb,
  originalMaxAge,
} from './express-support.mjs'
import { until } from './support.mjs'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

/** Counts the requests of a session. */
function counter(app) {
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(String(req.session.views))
  })
  app.get('/peek', (req, res) => res.send(String(req.session.views)))
}

/** That a moment lies one lifetime after one between `begin` and now. */
function assertExpiry(expires, lifetime, begin) {
  assert.ok(expires >= begin + lifetime && expires <= Date.now() + lifetime, new Date(expires))
}

onEveryApp('without a maxAge the cookie lasts as long as the browser', async (t, world) => {
  const browser = await world.visit({ rolling: true }, counter)
  for (const views of ['1', '2', '3']) {
    const begin = Date.now()
    const { text, cookie } = await browser.get('/')
    assert.equal(text, views)
    assert.equal('expires' in cookie, false, 'it never becomes a persistent one')
    const document = await world.sessions?.findOne({ _id: browser.sid() })
    if (document) {
      assertExpiry(document.expires.getTime(), DAY, begin)
      assert.equal(document.session.cookie._expires, null)
      assert.equal(document.session.cookie.originalMaxAge, null)
    }
  }
})

onEveryApp('a session without a maxAge is read back without one', async (t, { visit, store }) => {
  const browser = await visit({}, (app) => {
    counter(app)
    app.get('/cookie', (req, res, next) => {
      const before = req.session.cookie
      req.session.reload((error) => {
        if (error) return next(error)
        const { expires, maxAge, originalMaxAge } = req.session.cookie
        res.json([before.expires, before.maxAge, expires, maxAge, originalMaxAge])
      })
    })
  })
  await browser.get('/')
  assert.equal((await browser.get('/cookie')).text, '[null,null,null,null,null]')
  assert.deepEqual(store.events, [])
})

onEveryApp('without a maxAge the ttl of the store ends the session', async (t, world) => {
  const store = world.open({ ttl: 200 })
  const browser = await world.visit({ store }, counter)
  await browser.get('/')
  const sid = browser.sid()
  await until(async () => (await store.get(sid)) === null, 'the session to expire')
  assert.equal((await browser.get('/')).text, '1')
  assert.notEqual(browser.sid(), sid)
})

onEveryApp('a short maxAge ends the session, and a new one begins', async (t, world) => {
  const browser = await world.visit({ cookie: { maxAge: 200 } }, counter)
  await browser.get('/')
  const sid = browser.sid()
  await until(async () => (await world.store.get(sid)) === null, 'the session to expire')
  assert.equal((await browser.get('/')).text, '1')
  assert.notEqual(browser.sid(), sid)
})

onEveryApp('a long maxAge reaches the cookie and the document', async (t, { visit, witness }) => {
  const maxAge = 400 * DAY
  const browser = await visit({ cookie: { maxAge } }, counter)
  const begin = Date.now()
  const { cookie } = await browser.get('/')
  const expires = await witness.expires(browser.sid())
  assertExpiry(expires, maxAge, begin)
  assert.equal(cookie.expires.getTime(), Math.floor(expires / 1000) * 1000)
  assert.equal((await browser.get('/')).text, '2')
})

onEveryApp('a session can be remembered for longer from some request on', async (t, world) => {
  const browser = await world.visit({}, (app) => {
    counter(app)
    app.post('/remember', (req, res) => {
      req.session.cookie.maxAge = 30 * DAY
      req.session.remembered = true
      res.end()
    })
  })
  assert.equal('expires' in (await browser.get('/')).cookie, false)
  const begin = Date.now()
  const { cookie } = await browser.post('/remember')
  assertExpiry(await world.witness.expires(browser.sid()), 30 * DAY, begin)
  assert.ok(cookie.expires.getTime() > begin + 29 * DAY)

  // Later requests go on with the longer lifetime, each from its own moment.
  const before = await world.witness.expires(browser.sid())
  await nextMillisecond()
  await browser.get('/peek')
  assert.ok((await world.witness.expires(browser.sid())) > before)
})

onEveryApp('every attribute of the cookie survives in the store', async (t, { visit }) => {
  const cookie = {
    maxAge: HOUR,
    httpOnly: false,
    sameSite: 'none',
    secure: true,
    domain: 'example.com',
    path: '/',
    priority: 'high',
    partitioned: true,
  }
  const browser = await visit({ cookie, rolling: true, proxy: true }, counter)
  const attributes = []
  for (const views of ['1', '2', '3']) {
    const response = await browser.get('/', { 'x-forwarded-proto': 'https' })
    assert.equal(response.text, views)
    const { expires: _expires, ...rest } = response.cookie
    attributes.push(rest)
  }
  const { name: _name, value: _value, ...first } = attributes[0]
  assert.deepEqual(first, {
    domain: 'example.com',
    path: '/',
    priority: 'High',
    partitioned: true,
    samesite: 'None',
    secure: true,
  })
  assert.deepEqual(attributes[1], attributes[0])
  assert.deepEqual(attributes[2], attributes[0])
})

onEveryApp('secure "auto" follows the protocol behind a proxy', async (t, world) => {
  const browser = await world.visit({ cookie: { secure: 'auto' } }, (app) => {
    app.set('trust proxy', 1)
    counter(app)
  })
  const other = browser.clone()
  const https = await browser.get('/', { 'x-forwarded-proto': 'https' })
  assert.equal(https.cookie.secure, true)
  assert.equal((await browser.get('/', { 'x-forwarded-proto': 'https' })).text, '2')

  const http = await other.get('/', { 'x-forwarded-proto': 'http' })
  assert.equal(http.cookie.secure, undefined)
  assert.equal((await other.get('/', { 'x-forwarded-proto': 'http' })).text, '2')

  for (const [sid, secure] of [
    [browser.sid(), true],
    [other.sid(), false],
  ]) {
    const document = await world.sessions?.findOne({ _id: sid })
    if (document) assert.equal(document.session.cookie.secure, secure)
  }
})

onEveryApp('a secure cookie is not sent over plain HTTP', async (t, { visit }) => {
  const browser = await visit({ cookie: { secure: true } }, counter)
  const { text, cookie } = await browser.get('/')
  assert.equal(text, '1')
  assert.equal(cookie, undefined)
})

onEveryApp('genid names the sessions', async (t, { visit, witness }) => {
  let count = 0
  const browser = await visit({ genid: (req) => `${req.query.of}/$ä.${++count}` }, counter)
  await browser.get('/?of=ada')
  assert.equal(browser.sid(), 'ada/$ä.1')
  assert.equal((await browser.get('/')).text, '2')
  assert.deepEqual(await witness.data('ada/$ä.1'), { views: 2 })
})

onEveryApp('a forged cookie begins a new session', async (t, { visit, witness }) => {
  const browser = await visit({}, counter)
  await browser.get('/')
  const sid = browser.sid()
  const forger = browser.clone()
  forger.keep({ ...cookieOf(sid), value: encodeURIComponent(`s:${sid}.forged`) })
  assert.equal((await forger.get('/')).text, '1')
  assert.notEqual(forger.sid(), sid)
  assert.deepEqual(await witness.data(sid), { views: 1 })
})

onMongodb('the document of a session has what the cookie says, and no more', async (t, world) => {
  const cookie = { maxAge: HOUR, sameSite: 'lax', secure: 'auto', domain: 'example.com' }
  const browser = await world.visit({ cookie }, counter)
  await browser.get('/')
  const document = await world.sessions.findOne({ _id: browser.sid() })
  assert.deepEqual(document, {
    _id: browser.sid(),
    expires: document.expires,
    session: {
      cookie: {
        path: '/',
        _expires: document.expires,
        originalMaxAge: originalMaxAge(document.session.cookie, HOUR),
        httpOnly: true,
        sameSite: 'lax',
        secure: false,
        domain: 'example.com',
      },
      views: 1,
    },
  })
})
