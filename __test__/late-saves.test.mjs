// An expiry never goes back by a save that did not mean it, and a cookie that a request has changed is
// stored, whether the session is saved or only touched.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onEveryApp } from './express-support.mjs'
import { database, load, newSession, onBothEngines, openStore, until } from './support.mjs'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How sessions may be stored, and what else decides about the statement that is sent. */
const WAYS = {
  'as documents': {},
  'as whole documents': { save: 'replace' },
  'as texts': { stringify: true },
  'encrypted by fields': { encryption: { keys: [Buffer.alloc(32, 7)] } },
  "by the application's own functions": { serialize: JSON.stringify, unserialize: toSession },
  'by an adapter that encrypts': {
    cryptoAdapter: { encrypt: async (text) => `!${text}`, decrypt: async (text) => text.slice(1) },
  },
  'with moments of their own': { timestamps: true, userId: (session) => session.user },
  'with flags': { deleteFlags: true, absoluteTimeout: 24 * HOUR },
}

function toSession(value) {
  return typeof value === 'string' ? JSON.parse(value) : value
}

const expiresOf = async (store, sid = 'sid') =>
  (await store.entries()).find((e) => e.sid === sid).expires

/** A session with a lifetime as a request ends with it that has moved it on by `by`. */
function moveOn(session, by) {
  // As express-session does: the lifetime is the same, give or take a millisecond.
  session.cookie._expires = new Date(session.cookie.expires.getTime() + by)
  session.cookie.originalMaxAge -= 1
  return session
}

for (const [way, options] of Object.entries(WAYS)) {
  onBothEngines(test, `a late save ends nothing earlier (${way})`, async (t, open) => {
    const store = open(options)
    await store.set('sid', newSession({ user: 'ada' }))
    const [socket, page] = [await load(store), moveOn(await load(store), MINUTE)]
    await store.touch('sid', page)
    const { expires } = page.cookie
    assert.deepEqual(await expiresOf(store), expires)
    socket.seen = 'late'
    socket['a.b'] = 1
    await store.set('sid', socket)
    assert.deepEqual(await expiresOf(store), expires)
    assert.equal((await store.get('sid')).seen, 'late')
    // Neither does the touch of one, nor another save.
    await store.touch('sid', socket)
    socket.seen = 'later'
    await store.set('sid', socket)
    assert.deepEqual(await expiresOf(store), expires)
    // Whoever is later than all of them moves it on.
    await store.set('sid', moveOn(socket, HOUR))
    assert.deepEqual(await expiresOf(store), socket.cookie.expires)
  })

  onBothEngines(test, `a changed cookie shortens a life (${way})`, async (t, open) => {
    const store = open(options)
    await store.set('sid', newSession({ user: 'ada' }, HOUR))
    for (const [verb, lifetime] of [
      ['set', 30 * MINUTE],
      ['touch', 20 * MINUTE],
      ['touch', 2 * HOUR],
      ['set', 10 * MINUTE],
    ]) {
      const session = await load(store)
      session.cookie.maxAge = lifetime
      const { expires } = session.cookie
      await store[verb]('sid', session)
      assert.deepEqual(await expiresOf(store), expires)
      const read = await store.get('sid')
      assert.equal(read.cookie.originalMaxAge, session.cookie.originalMaxAge)
      assert.equal(read.user, 'ada')
    }
    assert.deepEqual(store.events, [])
  })
}

onBothEngines(
  test,
  'a ttl shortens a life, and so does a save of a plain object',
  async (t, open) => {
    let lifetime = HOUR
    const store = open({ ttl: () => lifetime })
    await store.set('sid', newSession())
    const session = await load(store)
    lifetime = MINUTE
    await store.set('sid', session)
    assert.ok((await expiresOf(store)).getTime() <= Date.now() + MINUTE)
    const plain = open()
    await plain.set('other', newSession({}, HOUR))
    await plain.set('other', newSession({}, MINUTE))
    assert.ok((await expiresOf(plain, 'other')).getTime() <= Date.now() + MINUTE)
  },
)

onBothEngines(test, 'touches at once keep the latest moment', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const sessions = await Promise.all([load(store), load(store), load(store)])
  const steps = [2, 3, 1].map((step, n) => moveOn(sessions[n], step * MINUTE))
  await Promise.all(steps.map((session) => store.touch('sid', session)))
  assert.deepEqual(await expiresOf(store), steps[1].cookie.expires)
})

onEveryApp('who is remembered on a later page stays so', async (t, { visit, store }) => {
  const browser = await visit({ rolling: true, cookie: { maxAge: MINUTE } }, (app) => {
    app.post('/login', (req, res) => {
      req.session.user = 'ada'
      res.end()
    })
    app.post('/remember', (req, res) => {
      req.session.cookie.maxAge = 24 * HOUR
      res.end()
    })
    app.post('/forget', (req, res) => {
      req.session.cookie.expires = null
      req.session.cookie.maxAge = null
      res.end()
    })
    app.post('/secret', (req, res) => {
      req.session.cookie.sameSite = 'strict'
      res.end()
    })
    app.get('/', (req, res) => res.json(req.session.cookie.originalMaxAge))
  })
  await browser.post('/login')
  await browser.post('/remember')
  for (let page = 0; page < 3; page++) {
    const lifetime = JSON.parse((await browser.get('/')).text)
    assert.ok(lifetime > 23 * HOUR, String(lifetime))
  }
  const [{ cookie }] = await store.all()
  assert.ok(cookie.expires.getTime() > Date.now() + 23 * HOUR)
  await browser.post('/secret')
  assert.equal((await browser.get('/')).cookie.samesite, 'Strict')
  await browser.post('/forget')
  assert.equal(JSON.parse((await browser.get('/')).text), null)
})

test('a touch without another cookie writes the moment and nothing else', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ user: 'ada' }))
  const before = (await sessions.findOne()).session
  await store.touch('sid', moveOn(await load(store), MINUTE))
  const { expires, session } = await sessions.findOne()
  assert.deepEqual(session, before)
  assert.equal(expires.getTime(), before.cookie._expires.getTime() + MINUTE)
})

onBothEngines(test, 'a changed cookie creates no session that is gone', async (t, open) => {
  for (const options of [{}, { stringify: true }]) {
    const store = open(options)
    await store.set('sid', newSession())
    const session = await load(store)
    await store.destroy('sid')
    session.cookie.maxAge = HOUR
    await store.touch('sid', session)
    assert.equal(await store.get('sid'), null)
    assert.deepEqual(store.events, [])
  }
})

onBothEngines(
  test,
  'who is there all the time stays logged in, whatever touchAfter',
  async (t, open) => {
    const store = open({ touchAfter: HOUR })
    const inSeconds = (seconds) => new Date(Date.now() + 1000 * seconds)
    // Ten of sixty seconds are over, then forty.
    for (const [left, isSent] of [
      [50, false],
      [20, true],
    ]) {
      const stored = newSession({}, MINUTE)
      stored.cookie._expires = inSeconds(left)
      await store.set('sid', stored)
      const session = await load(store)
      session.cookie._expires = inSeconds(60)
      await store.touch('sid', session)
      const expected = isSent ? session.cookie._expires : stored.cookie._expires
      assert.deepEqual(await expiresOf(store), expected)
    }
    await until(() => store.events.length > 0, 'the warning')
    const [{ name, value }, ...others] = store.events
    assert.deepEqual(others, [])
    assert.equal(name, 'warning')
    assert.equal(value.code, 'ERR_STORE_OPTION')
    assert.match(value.message, /'touchAfter' \(3600000 ms\) is not shorter than the lifetime/)
  },
)
