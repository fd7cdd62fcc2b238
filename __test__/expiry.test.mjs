import assert from 'node:assert/strict'
import test from 'node:test'
import { database, failure, newSession, onBothEngines, openStore, until } from './support.mjs'

/** A session whose cookie ends with the browser session. */
const withoutExpiry = (data) => ({ cookie: { path: '/', _expires: null }, ...data })

/** How long the stored document lives from `since`, once it is there. */
async function lifetime(sessions, since) {
  const { expires } = await sessions.findOne({ _id: 'sid' })
  return expires.getTime() - since
}

test('the ttl function decides, whatever the cookie says', async (t) => {
  const { uri, sessions } = await database(t)
  const seen = []
  const store = openStore(t, {
    uri,
    ttl(session) {
      seen.push(session)
      return session.remember ? 600_000 : 5_000
    },
  })
  const session = newSession({ remember: true })
  const since = Date.now()
  await store.set('sid', session)
  const lives = await lifetime(sessions, since)
  assert.ok(lives >= 600_000 && lives < 660_000, `lives ${lives} ms`)
  assert.deepEqual(seen, [session])
})

test('without a ttl function the cookie decides, to the millisecond', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, ttl: 1 })
  const session = newSession({}, 123_456)
  await store.set('sid', session)
  assert.deepEqual((await sessions.findOne({ _id: 'sid' })).expires, session.cookie._expires)
})

test('a cookie may hold its expiry as expires, as a Date or as text', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const expires = new Date(Date.now() + 60_000)
  for (const value of [expires, expires.toISOString()]) {
    await store.set('sid', { cookie: { path: '/', expires: value } })
    assert.deepEqual((await sessions.findOne({ _id: 'sid' })).expires, expires)
    await store.destroy('sid')
  }
})

for (const [what, options, milliseconds] of [
  ['the number ttl', { ttl: 600_000 }, 600_000],
  ['one day', {}, 86_400_000],
]) {
  test(`a cookie without expiry leaves it to ${what}`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, ...options })
    const since = Date.now()
    await store.set('sid', withoutExpiry())
    const lives = await lifetime(sessions, since)
    assert.ok(lives >= milliseconds && lives < milliseconds + 60_000, `lives ${lives} ms`)
  })
}

for (const ttl of [0, -1, -86_400_000, -Number.MAX_VALUE]) {
  onBothEngines(test, `a number ttl of ${ttl} means expired now`, async (t, open) => {
    const store = open({ ttl })
    await store.set('sid', withoutExpiry())
    assert.equal(await store.get('sid'), null)
  })

  onBothEngines(test, `a ttl function that answers ${ttl} means expired now`, async (t, open) => {
    const store = open({ ttl: () => ttl })
    await store.set('sid', newSession())
    assert.equal(await store.get('sid'), null)
  })
}

onBothEngines(test, 'a ttl function may answer Infinity', async (t, open) => {
  const store = open({ ttl: () => Infinity })
  await store.set('sid', newSession())
  assert.deepEqual((await store.get('sid')).cookie.expires, new Date(8.64e15))
})

onBothEngines(test, 'a session expires by the passing of time', async (t, open) => {
  const store = open({ ttl: 300 })
  // On a machine that stands still it may expire before it is read.
  await until(async () => {
    await store.set('sid', withoutExpiry())
    return (await store.get('sid')) !== null
  }, 'a read in time')
  await until(async () => (await store.get('sid')) === null)
  assert.equal(await store.length(), 0)
})

test('of several dates in expires the earliest counts, for get, lists and counts alike', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId: ({ user }) => user })
  const [past, soon, later] = [-60_000, 60_000, 120_000].map((ms) => new Date(Date.now() + ms))
  const stored = {
    live: [later, soon],
    ended: [later, past],
    mixed: ['a text', later],
    endless: [],
  }
  const session = { cookie: { path: '/' }, user: 'ada' }
  await sessions.insertMany(
    Object.entries(stored).map(([_id, expires]) => ({ _id, expires, userId: 'ada', session })),
  )
  const expected = { endless: null, live: soon, mixed: later }
  for (const sid of Object.keys(stored)) {
    assert.equal((await store.get(sid)) !== null, sid in expected, sid)
  }
  const scanned = []
  for await (const entry of store.scan()) scanned.push(entry)
  const lists = {
    entries: await store.entries(),
    find: await store.find({ user: 'ada' }),
    sessionsOf: await store.sessionsOf('ada'),
    scan: scanned,
  }
  for (const [list, entries] of Object.entries(lists)) {
    const told = entries.map(({ sid, expires }) => [sid, expires ?? null]).sort()
    assert.deepEqual(Object.fromEntries(told), expected, list)
  }
  assert.deepEqual((await store.ids()).sort(), Object.keys(expected))
  assert.equal((await store.all()).length, 3)
  assert.equal(await store.length(), 3)
})

onBothEngines(test, 'a touch can end a session', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  await store.touch('sid', newSession({}, -1))
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'an expired session can be set anew', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ old: true }, -1))
  await store.set('sid', newSession({ new: true }))
  const { cookie, ...data } = await store.get('sid')
  assert.deepEqual(data, { new: true })
  assert.ok(cookie.expires > new Date())
})

onBothEngines(test, 'a ttl function that throws fails the operation', async (t, open) => {
  const ours = new Error('no lifetime today')
  const store = open({
    ttl() {
      throw ours
    },
  })
  assert.equal(await failure(store.set('sid', newSession())), ours)
  assert.equal(await failure(store.touch('sid', newSession())), ours)
  const error = await new Promise((resolve) => store.set('sid', newSession(), resolve))
  assert.equal(error, ours)
  assert.equal(await store.get('sid'), null)
})

for (const answer of [NaN, undefined, null, '60000', new Date(), 5n, {}]) {
  onBothEngines(
    test,
    `a ttl function that answers ${typeof answer} ${String(answer).slice(0, 15)} fails the operation`,
    async (t, open) => {
      const store = open({ ttl: () => answer })
      for (const operation of ['set', 'touch']) {
        const error = await failure(store[operation]('sid', newSession()))
        assert.ok(error instanceof TypeError)
        assert.match(error.message, /'ttl'/)
      }
      assert.equal(await store.get('sid'), null)
    },
  )
}

test('expired sessions still in the collection are not served, counted or listed', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('old', newSession({}, -1))
  await store.set('live', newSession({ name: 'live' }))
  assert.equal(await sessions.countDocuments(), 2)
  assert.equal(await store.get('old'), null)
  assert.equal(await store.length(), 1)
  assert.deepEqual(
    (await store.all()).map(({ name }) => name),
    ['live'],
  )
})
