// express-session as the judge: rolling, resave, unset and saveUninitialized.
import assert from 'node:assert/strict'
import { nextMillisecond, onEveryApp, onMongodb } from './express-support.mjs'

const maxAge = 60_000

function routes(app) {
  app.get('/', (req, res) => res.send(req.session.user ?? 'nobody'))
  app.post('/login', (req, res) => {
    req.session.user = 'ada'
    res.end()
  })
  app.post('/same', (req, res) => {
    req.session.user = String(req.session.user)
    res.end()
  })
  app.post('/null', (req, res) => {
    req.session = null
    res.end()
  })
  app.post('/delete', (req, res) => {
    delete req.session
    res.end()
  })
}

for (const rolling of [true, false]) {
  const title = rolling
    ? 'with rolling every response sets the cookie of the same session anew'
    : 'without rolling the cookie is set once, while the session goes on living'
  onEveryApp(title, async (t, { visit, witness }) => {
    const browser = await visit({ rolling, cookie: { maxAge } }, routes)
    await browser.post('/login')
    const sid = browser.sid()
    for (let request = 0; request < 3; request++) {
      const before = await witness.expires(sid)
      await nextMillisecond()
      const { text, cookie } = await browser.get('/')
      assert.equal(text, 'ada')
      assert.equal(cookie !== undefined, rolling)
      assert.equal(browser.sid(), sid)
      const after = await witness.expires(sid)
      assert.ok(after > before)
      if (rolling) assert.equal(cookie.expires.getTime(), Math.floor(after / 1000) * 1000)
    }
    assert.equal(await witness.count(), 1)
  })
}

onEveryApp('without rolling a change sets a cookie with an expiry again', async (t, { visit }) => {
  const browser = await visit({ cookie: { maxAge } }, (app) => {
    routes(app)
    app.post('/change', (req, res) => {
      req.session.changed = true
      res.end()
    })
  })
  await browser.post('/login')
  const sid = browser.sid()
  assert.equal((await browser.post('/same')).cookie, undefined)
  assert.notEqual((await browser.post('/change')).cookie, undefined)
  assert.equal(browser.sid(), sid)
})

for (const resave of [true, false]) {
  const title = resave
    ? 'with resave an unchanged session is written again, cookie included'
    : 'without resave an unchanged session is only touched'
  onMongodb(title, async (t, { visit, sessions }) => {
    const browser = await visit({ resave, cookie: { maxAge } }, routes)
    await browser.post('/login')
    const before = await sessions.findOne({ _id: browser.sid() })
    await nextMillisecond()
    await browser.get('/')
    const after = await sessions.findOne({ _id: browser.sid() })
    assert.ok(after.expires > before.expires)
    assert.deepEqual(after.session.cookie._expires, (resave ? after : before).expires)
    assert.equal(after.session.user, 'ada')
  })

  onEveryApp(`with resave ${resave} a session goes on`, async (t, { visit, witness }) => {
    const browser = await visit({ resave, cookie: { maxAge } }, routes)
    await browser.post('/login')
    const sid = browser.sid()
    for (let request = 0; request < 3; request++) {
      const before = await witness.expires(sid)
      await nextMillisecond()
      assert.equal((await browser.get('/')).text, 'ada')
      assert.ok((await witness.expires(sid)) > before)
    }
    assert.deepEqual(await witness.data(sid), { user: 'ada' })
    assert.equal(await witness.count(), 1)
  })
}

for (const path of ['/null', '/delete']) {
  const what = path === '/null' ? 'set to null' : 'deleted'
  onEveryApp(`unset "destroy": a req.session that is ${what} is gone`, async (t, world) => {
    const browser = await world.visit({ unset: 'destroy' }, routes)
    await browser.post('/login')
    const sid = browser.sid()
    assert.equal((await browser.post(path)).status, 200)
    assert.equal(await world.witness.has(sid), false)
    assert.equal((await browser.get('/')).text, 'nobody')
    assert.equal(await world.witness.count(), 0)
  })

  onEveryApp(`unset "keep": a req.session that is ${what} stays stored`, async (t, world) => {
    const browser = await world.visit({ unset: 'keep' }, routes)
    await browser.post('/login')
    assert.equal((await browser.post(path)).status, 200)
    assert.deepEqual(await world.witness.data(browser.sid()), { user: 'ada' })
    assert.equal((await browser.get('/')).text, 'ada')
  })
}

onEveryApp('saveUninitialized stores an untouched session', async (t, { visit, witness }) => {
  const browser = await visit({ saveUninitialized: true }, routes)
  const { text, cookie } = await browser.get('/')
  assert.equal(text, 'nobody')
  assert.notEqual(cookie, undefined)
  const sid = browser.sid()
  assert.deepEqual(await witness.data(sid), {})

  await browser.post('/login')
  assert.equal(browser.sid(), sid)
  assert.deepEqual(await witness.data(sid), { user: 'ada' })
  assert.equal(await witness.count(), 1)
})

onEveryApp('without saveUninitialized an untouched session leaves no trace', async (t, world) => {
  const browser = await world.visit({ saveUninitialized: false, rolling: true }, routes)
  const { text, cookie } = await browser.get('/')
  assert.equal(text, 'nobody')
  assert.equal(cookie, undefined)
  assert.equal(await world.witness.count(), 0)

  assert.notEqual((await browser.post('/login')).cookie, undefined)
  assert.equal(await world.witness.count(), 1)
})
