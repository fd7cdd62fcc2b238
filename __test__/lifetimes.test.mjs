// When documents were created and written, touches that are not sent, and lifetimes that end.
import assert from 'node:assert/strict'
import test from 'node:test'
import { nextMillisecond, onMongodb } from './express-support.mjs'
import { recordUpdates } from './parallel-support.mjs'
import { database, load, newSession, onBothEngines, openStore, until } from './support.mjs'

test('timestamps tell when a document was created and written last', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, timestamps: true })
  const before = Date.now()
  await store.set('sid', newSession({ n: 1 }))
  const created = await sessions.findOne()
  assert.ok(created.createdAt >= before && created.createdAt <= Date.now())
  assert.deepEqual(created.updatedAt, created.createdAt)
  let last = created
  const session = await load(store, 'sid')
  for (const write of [
    () => store.set('sid', Object.assign(session, { n: 2 })),
    () => store.set('sid', Object.assign(session, { 'a.b': 2 })),
    () => store.set('sid', newSession({ n: 3 })),
    () => store.touch('sid', session),
  ]) {
    await nextMillisecond()
    await write()
    const document = await sessions.findOne()
    assert.deepEqual(document.createdAt, created.createdAt)
    assert.ok(document.updatedAt > last.updatedAt)
    last = document
  }
  const { createdAt: _1, updatedAt: _2, ...session_ } = await store.get('sid')
  assert.deepEqual(Object.keys(session_), ['cookie', 'n'])
})

test('without the option there are no timestamps', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession())
  assert.deepEqual(Object.keys(await sessions.findOne()).toSorted(), ['_id', 'expires', 'session'])
})

test('a touch is not sent before touchAfter is over', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchAfter: 10_000 })
  await store.set('sid', newSession({ n: 1 }, 60_000))
  const { expires } = await sessions.findOne()
  const session = await load(store, 'sid')
  assert.deepEqual(Object.keys(session), ['cookie', 'n'])
  session.cookie._expires = new Date(expires.getTime() + 9_999)
  await store.touch('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, expires)
  session.cookie._expires = new Date(expires.getTime() + 10_000)
  await store.touch('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, session.cookie.expires)
})

test('a touch that shortens a lifetime, or of what is not known, is sent', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchAfter: 10_000 })
  await store.set('sid', newSession({}, 60_000))
  const { expires } = await sessions.findOne()
  const session = await load(store, 'sid')
  session.cookie.expires = new Date(expires.getTime() - 1000)
  await store.touch('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, session.cookie.expires)
  const plain = newSession({}, 60_001)
  await store.touch('sid', plain)
  assert.deepEqual((await sessions.findOne()).expires, plain.cookie._expires)
})

onMongodb(
  'rolling requests within touchAfter write nothing',
  async (_t, { open, visit, sessions }) => {
    const store = open({ touchAfter: 3_600_000 })
    const options = { store, rolling: true, cookie: { maxAge: 86_400_000 } }
    const browser = await visit(options, (app) => {
      app.get('/login', (req, res) => {
        req.session.user = 'ada'
        res.end()
      })
      app.get('/', (req, res) => res.json(Object.keys(req.session)))
    })
    await browser.get('/login')
    const stored = await sessions.findOne()
    for (let count = 0; count < 3; count++) {
      await nextMillisecond()
      const { text } = await browser.get('/')
      assert.deepEqual(JSON.parse(text), ['cookie', 'user'])
    }
    assert.deepEqual(await sessions.findOne(), stored)
  },
)

onBothEngines(
  test,
  'a session does not outlive its creation by more than absoluteTimeout',
  async (t, open, { sessions }) => {
    const store = open({ absoluteTimeout: 600_000 })
    await store.set('sid', newSession({ n: 1 }, 3_600_000))
    assert.ok((await store.get('sid')).cookie.expires > Date.now() + 3_000_000)
    if (!sessions) return
    const { createdAt, expires } = await sessions.findOne()
    assert.deepEqual(expires, new Date(createdAt.getTime() + 600_000))
    // However often it is saved and touched.
    const session = await load(store, 'sid')
    await nextMillisecond()
    session.n = 2
    await store.set('sid', session)
    await store.touch('sid', session)
    const later = await sessions.findOne()
    assert.deepEqual(later.expires, expires)
    assert.deepEqual(later.createdAt, createdAt)
    // And whatever another program does with its expiry.
    const before = new Date(Date.now() - 600_000)
    await sessions.updateOne({}, { $set: { createdAt: before, expires: new Date(9e12) } })
    assert.equal(await store.get('sid'), null)
    assert.equal(await store.length(), 0)
    assert.deepEqual(await store.all(), [])
  },
)

test('what was created before the option counts from its next write on', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ n: 1 }, 3_600_000))
  const store = openStore(t, { uri, absoluteTimeout: 600_000 })
  const session = await load(store, 'sid')
  const before = Date.now()
  await store.touch('sid', session)
  const { createdAt, expires } = await sessions.findOne()
  assert.ok(createdAt >= before && createdAt <= Date.now())
  assert.ok(expires.getTime() - createdAt.getTime() <= 600_000)
})

test('touches within touchAfter take part in no command', async (t) => {
  const { uri, db } = await database(t)
  const store = openStore(t, { uri, touchAfter: 60_000 })
  await store.set('sid', newSession({}, 600_000))
  const session = await load(store, 'sid')
  const updates = await recordUpdates(db)
  await Promise.all(Array.from({ length: 50 }, () => store.touch('sid', session)))
  session.cookie._expires = new Date(Date.now() + 3_600_000)
  await store.touch('sid', session)
  const [only] = await updates(1)
  assert.deepEqual(only.u, { $max: { expires: session.cookie.expires } })
})

onBothEngines(test, 'an id whose session has ended may be used again', async (t, open) => {
  const store = open({ absoluteTimeout: 50 })
  await store.set('sid', newSession({ n: 1 }))
  await until(async () => (await store.get('sid')) === null, 'the end of the session')
  // On a machine that stands still it may end again before it is read.
  const found = await until(async () => {
    await store.set('sid', newSession({ n: 2 }))
    return store.get('sid')
  }, 'a read in time')
  assert.equal(found.n, 2)
})

test('an id whose session goes on keeps its creation', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, absoluteTimeout: 600_000 })
  await store.set('sid', newSession({ n: 1 }))
  const { createdAt } = await sessions.findOne()
  await nextMillisecond()
  await store.set('sid', newSession({ n: 2 }))
  const later = await sessions.findOne()
  assert.equal(later.session.n, 2)
  assert.deepEqual(later.createdAt, createdAt)
})

test('a session without a creation that is only touched ends, too', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri }).set('sid', newSession())
  const store = openStore(t, { uri, absoluteTimeout: 500 })
  await until(async () => {
    await store.touch('sid', newSession())
    return (await store.get('sid')) === null
  }, 'its end')
})
