import assert from 'node:assert/strict'
import test from 'node:test'
import { database, load, newSession, onBothEngines, openStore } from './support.mjs'

test('touch moves expires and changes nothing else', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ user: 'ada', cart: [1] }))
  const before = await sessions.findOne({ _id: 'sid' })
  const touched = newSession({ user: 'somebody else', more: true }, 600_000)
  await store.touch('sid', touched)
  const after = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(after, { ...before, expires: touched.cookie._expires })
})

onBothEngines(test, 'touch never creates a session and is silent about it', async (t, open) => {
  const store = open()
  assert.equal(await store.touch('nobody', newSession()), undefined)
  const outcome = await new Promise((resolve) =>
    store.touch('nobody', newSession(), (...args) => resolve(args)),
  )
  assert.ok(outcome[0] == null)
  assert.equal(await store.get('nobody'), null)
  assert.equal(await store.length(), 0)
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'touch does not bring back a destroyed session', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  await store.destroy('sid')
  await store.touch('sid', newSession())
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'the data of a session survives any number of touches', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ user: 'ada' }))
  const last = newSession({}, 900_000)
  for (let count = 0; count < 50; count++) store.touch('sid', newSession())
  await store.touch('sid', last)
  const { cookie, user } = await store.get('sid')
  assert.equal(user, 'ada')
  assert.deepEqual(cookie.expires, last.cookie._expires)
})

onBothEngines(test, 'touch may shorten a lifetime', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({}, 900_000))
  await store.touch('sid', newSession({}, 1))
  await store.touch('sid', newSession({}, -1))
  assert.equal(await store.get('sid'), null)
})

test('touch follows the rules of ttl', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, ttl: () => 600_000 })
  await sessions.insertOne({ _id: 'sid', expires: new Date(), session: { cookie: {} } })
  const since = Date.now()
  await store.touch('sid', newSession({}, 1))
  const { expires } = await sessions.findOne({ _id: 'sid' })
  assert.ok(expires.getTime() >= since + 600_000)
})

test('many sessions touched at once each get their own expiry', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const numbers = Array.from({ length: 600 }, (_, index) => index)
  await Promise.all(numbers.map((n) => store.set(`sid${n}`, newSession({ n }))))
  const now = Date.now()
  const touched = (n) => ({ cookie: { _expires: new Date(now + 1_000_000 + n) } })
  await Promise.all(numbers.map((n) => store.touch(`sid${n}`, touched(n))))
  for await (const { expires, session } of sessions.find()) {
    assert.equal(expires.getTime(), now + 1_000_000 + session.n)
  }
})

for (const [what, options] of Object.entries({
  'a function decides about its lifetime': { ttl: () => 600_000 },
  'it ends at a fixed time': { absoluteTimeout: 600_000 },
  'it is flagged when it is destroyed': { deleteFlags: true, absoluteTimeout: 600_000 },
  'it has a user, of whom few may be': { userId: () => 'ada', maxPerUser: 1, ttl: () => 600_000 },
})) {
  onBothEngines(
    test,
    `a touch that comes too early stores a changed cookie all the same where ${what}`,
    async (t, open) => {
      const store = open({ touchAfter: 300_000, ...options })
      await store.set('sid', newSession({}, 3_600_000))
      const session = await load(store)
      session.cookie.maxAge = 86_400_000
      await store.touch('sid', session)
      const { cookie } = await store.get('sid')
      // express-session computes it from two readings of the clock.
      const drift = Math.abs(cookie.originalMaxAge - 86_400_000)
      assert.ok(drift < 10_000, `${cookie.originalMaxAge} ms`)
    },
  )
}
