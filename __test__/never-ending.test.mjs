// What never moves, and what never ends: touchAfter and ttl without a limit.
import assert from 'node:assert/strict'
import test from 'node:test'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import { nextMillisecond, onMongodb } from './express-support.mjs'
import {
  database,
  driver,
  load,
  newSession,
  onBothEngines,
  openStore,
  ownMongod,
  until,
} from './support.mjs'

const HOUR = 3_600_000
const LAST_DATE = new Date(8.64e15)

test('with touchAfter: Infinity no touch moves the expiry of a loaded session later', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchAfter: Infinity })
  await store.set('sid', newSession({ n: 1 }))
  const { expires } = await sessions.findOne()
  const session = await load(store, 'sid')
  session.cookie._expires = new Date(expires.getTime() + 1000 * 365 * 24 * HOUR)
  await store.touch('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, expires)
  // A save does, and so does a touch that shortens it.
  session.n = 2
  session.cookie.expires = session.cookie._expires
  await store.set('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, session.cookie.expires)
  const again = await load(store, 'sid')
  again.cookie.expires = expires
  await store.touch('sid', again)
  assert.deepEqual((await sessions.findOne()).expires, expires)
})

onBothEngines(test, 'a read renews nothing with touchAfter: Infinity', async (t, open) => {
  const store = open({ touchAfter: Infinity, touchOnGet: true })
  const session = newSession({ n: 1 })
  await store.set('sid', session)
  for (let count = 0; count < 3; count++) {
    await nextMillisecond()
    assert.deepEqual((await store.get('sid')).cookie.expires, session.cookie._expires)
  }
})

onBothEngines(
  test,
  'with ttl: () => Infinity the cookie ends and the session does not',
  async (t, open) => {
    const store = open({ ttl: () => Infinity })
    await store.set('past', newSession({ n: 1 }, -1000))
    await store.set('none', { cookie: { path: '/' }, n: 2 })
    await store.touch('none', newSession({}, -1000))
    assert.equal(await store.length(), 2)
    assert.deepEqual((await store.get('past')).n, 1)
    for (const { expires } of await store.entries()) assert.deepEqual(expires, LAST_DATE)
  },
)

onBothEngines(test, 'a very large ttl leaves a cookie with an expiry its own', async (t, open) => {
  const store = open({ ttl: Number.MAX_VALUE })
  await store.set('past', newSession({ n: 1 }, -1000))
  await store.set('none', { cookie: { path: '/' }, n: 2 })
  assert.equal(await store.get('past'), null)
  const [{ sid, expires }, ...others] = await store.entries()
  assert.deepEqual([sid, expires, others], ['none', LAST_DATE, []])
})

test('neither MongoDB nor the store removes what never ends', async (t) => {
  const mongod = await ownMongod(t, { args: ['--setParameter', 'ttlMonitorSleepSecs=1'] })
  const client = await driver(t, mongod.uri)
  for (const autoRemove of ['native', 'interval', 'disabled']) {
    const uri = withDatabase(mongod.uri, autoRemove)
    const sessions = client.db(autoRemove).collection('sessions')
    const autoRemoveInterval = autoRemove === 'interval' ? 50 : undefined
    const store = openStore(t, { uri, ttl: () => Infinity, autoRemove, autoRemoveInterval })
    await store.set('sid', newSession({}, -1000))
    await sessions.insertOne({ _id: 'old', expires: new Date(0), session: { cookie: {} } })
    const isGone = async () => (await sessions.countDocuments({ _id: 'old' })) === 0
    if (autoRemove !== 'disabled') await until(isGone, 'the removal')
    assert.notEqual(await store.get('sid'), null, autoRemove)
    await store.close()
  }
})

onMongodb('visitors with never-ending sessions get cookies that end', async (_t, world) => {
  const { open, visit, sessions } = world
  const store = open({ ttl: () => Infinity, touchAfter: Infinity })
  const options = { store, rolling: true, cookie: { maxAge: HOUR } }
  const browser = await visit(options, (app) => {
    app.get('/login', (req, res) => {
      req.session.user = 'ada'
      res.end()
    })
    app.get('/', (req, res) => res.end(req.session.user))
  })
  await browser.get('/login')
  const stored = await sessions.findOne()
  assert.deepEqual(stored.expires, LAST_DATE)
  for (let count = 0; count < 3; count++) {
    const { text, cookie } = await browser.get('/')
    assert.equal(text, 'ada')
    const lives = cookie.expires.getTime() - Date.now()
    assert.ok(lives > HOUR - 60_000 && lives <= HOUR, `${lives} ms`)
  }
  assert.deepEqual(await sessions.findOne(), stored)
})
