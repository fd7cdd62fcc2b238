// Which saves create a session: those of new ones, of plain objects, and of what is saved under another id.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { onBothApps, regenerate, save } from './parallel-support.mjs'
import { failure, newSession, onBothEngines, until } from './support.mjs'

onBothApps(
  'a new session is created by its first save alone',
  {},
  async (t, visitor, { store }) => {
    const sid = await visitor.request(async (req) => {
      req.session.step = 1
      await save(req)
      assert.equal((await store.get(req.sessionID)).step, 1)
      await store.destroy(req.sessionID)
      req.session.step = 2
      await save(req)
      assert.equal(await store.get(req.sessionID), null)
      req.session.step = 3
      return req.sessionID
    })
    assert.equal(await store.get(sid), null)
    await until(() => store.events.length === 2, 'two discards')
  },
)

onBothApps(
  'a new session that stays is updated by later saves',
  {},
  async (t, visitor, { store }) => {
    await visitor.request(async (req) => {
      for (const step of [1, 2, 3]) {
        req.session.step = step
        await save(req)
      }
      req.session.last = true
    })
    assert.deepEqual(await visitor.data(), { step: 3, last: true })
    assert.deepEqual(store.events, [])
  },
)

onBothApps(
  'a regenerated session is a new one, created once',
  {},
  async (t, visitor, { store }) => {
    const before = await visitor.login()
    await visitor.request(async (req) => {
      const session = await regenerate(req)
      assert.equal(await store.get(before), null)
      session.user = 'bob'
    })
    assert.deepEqual(await visitor.data(), { user: 'bob' })
    assert.equal(await store.length(), 1)
    await visitor.request(async (req) => {
      const { sessionID, session } = Object.assign(req, { session: await regenerate(req) })
      session.user = 'eve'
      await save(req)
      await store.destroy(sessionID)
      session.late = true
    })
    assert.equal(await store.length(), 0)
  },
)

onBothEngines(test, 'a plain object is created however often it ends', async (t, open) => {
  const store = open()
  const plain = newSession({ user: 'ada' })
  for (let round = 0; round < 3; round++) {
    await store.set('sid', plain)
    assert.equal((await store.get('sid')).user, 'ada')
    await store.destroy('sid')
  }
  await store.set('sid', plain)
  const read = await store.get('sid')
  await store.destroy('sid')
  await store.set('sid', read)
  assert.equal((await store.get('sid')).user, 'ada')
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'a session that is saved under another id is created', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ user: 'ada' }))
  const loaded = store.createSession(
    { sessionID: 'sid', sessionStore: store },
    await store.get('sid'),
  )
  assert.ok(loaded instanceof session.Session)
  await store.destroy('sid')
  await store.set('copy', loaded)
  assert.equal((await store.get('copy')).user, 'ada')
  assert.equal(await store.get('sid'), null)
  await store.destroy('copy')
  loaded.late = true
  await store.set('copy', loaded)
  assert.equal(await store.get('copy'), null)
})

onBothEngines(test, 'a session that is taken over under another id is created', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ user: 'ada' }))
  const req = { sessionID: 'copy', sessionStore: store }
  const copy = await new Promise((resolve, reject) => {
    store.get('sid', (error, data) => {
      if (error) reject(error)
      else resolve(store.createSession(req, data))
    })
  })
  await store.set('copy', copy)
  assert.equal((await store.get('copy')).user, 'ada')
  assert.deepEqual(store.events, [])
  // From now on it is a session like any other.
  await store.destroy('copy')
  await store.set('copy', copy)
  assert.equal(await store.get('copy'), null)
  assert.equal((await store.get('sid')).user, 'ada')
})

onBothApps('a log-in keeps the cart', {}, async (t, visitor, { store }) => {
  const before = await visitor.login({ cart: ['tea'] })
  await visitor.request(async (req) => {
    const data = await store.get(before)
    await regenerate(req)
    // It becomes req.session.
    store.createSession(req, data).user = 'ada'
  })
  assert.notEqual(visitor.sid, before)
  assert.deepEqual(await visitor.data(), { cart: ['tea'], user: 'ada' })
  assert.equal(await store.get(before), null)
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'a session of another store is created', async (t, open) => {
  const [one, other] = [open(), open({ collection: 'others' })]
  await one.set('sid', newSession({ user: 'ada' }))
  const loaded = one.createSession({ sessionID: 'sid', sessionStore: one }, await one.get('sid'))
  await other.set('sid', loaded)
  assert.equal((await other.get('sid')).user, 'ada')
})

onBothEngines(test, 'a new session is saved by whichever save succeeds', async (t, open) => {
  const store = open()
  const session = store.createSession({ sessionID: 'sid' }, newSession({ step: 1 }))
  session.large = 'x'.repeat(2 ** 24)
  const first = failure(store.set('sid', session))
  delete session.large
  const second = store.set('sid', session)
  assert.equal((await first).code, 'ERR_STORE_TOO_LARGE')
  await second
  assert.equal((await store.get('sid')).step, 1)
  await store.destroy('sid')
  await store.set('sid', session)
  // The one that was refused is a warning.
  assert.deepEqual(store.events.pop(), { name: 'discard', value: 'sid' })
  // Another one of this id has nothing to do with it.
  const another = store.createSession({ sessionID: 'sid' }, newSession({ step: 4 }))
  const third = store.set('sid', another)
  await Promise.all([third, store.destroy('other'), store.set('sid', another)])
  assert.equal((await store.get('sid')).step, 4)
})
