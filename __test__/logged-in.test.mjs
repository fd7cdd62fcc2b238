// users(): who has live sessions, and how many, in slices and in bounded memory.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  database,
  failure,
  newSession,
  onBothEngines,
  openStore,
  succeeds,
  until,
} from './support.mjs'

const userId = (session) => session.user

async function collect(iterator) {
  const all = []
  for await (const one of iterator) all.push(one)
  return all
}

const counts = (users) => Object.fromEntries(users.map(({ user, sessions }) => [user, sessions]))

onBothEngines(test, 'users have their live sessions counted', async (t, open) => {
  const store = open({ userId, prefix: 'app:' })
  const expires = new Date(Date.now() + 90_000)
  for (const [sid, user, lifetime] of [
    ['a', 'bob', 60_000],
    ['b', 'ada', 60_000],
    ['c', 'ada', 30_000],
    ['d', 'ada', -1000],
    ['e', undefined, 60_000],
    ['f', 'eve', 60_000],
    ['g', 'zoe', 60_000],
  ]) {
    await store.set(sid, newSession({ user }, lifetime))
  }
  const last = newSession({ user: 'ada' })
  last.cookie._expires = expires
  await store.set('h', last)
  await store.flagDeletion('f')
  const users = await collect(store.users())
  assert.deepEqual(
    users.map(({ user, sessions }) => [user, sessions]),
    [
      ['ada', 3],
      ['bob', 1],
      ['zoe', 1],
    ],
  )
  assert.deepEqual(users[0].expires, expires)
  assert.equal(users[0].lastSeenAt, null)
  assert.deepEqual(Object.keys(users[0]), ['user', 'sessions', 'expires', 'lastSeenAt'])
  assert.deepEqual(counts(await collect(store.users({ after: 'ada' }))), { bob: 1, zoe: 1 })
  assert.deepEqual(counts(await collect(store.users({ after: 'ada', limit: 1 }))), { bob: 1 })
  assert.deepEqual(await collect(store.users({ after: 'zoe' })), [])
})

onBothEngines(
  test,
  'users with any number of sessions are counted over all pages',
  async (t, open, { sessions }) => {
    const store = open({ userId, operationTimeout: 120_000 })
    // One with more than a page, many with one, some whose sessions lie on both sides of the end of a page.
    const wanted = { m: 2300 }
    for (let n = 0; n < 700; n++) wanted[`a${n}`] = 1
    for (let n = 0; n < 40; n++) wanted[`z${n}`] = 17
    const owners = Object.entries(wanted).flatMap(([user, count]) => Array(count).fill(user))
    const session = (user) => newSession({ user }, 3_600_000)
    await Promise.all(owners.map((user, n) => store.set(`sid${n}`, session(user))))
    const users = await collect(store.users())
    assert.deepEqual(counts(users), wanted)
    const texts = users.map(({ user }) => user)
    assert.deepEqual(texts, texts.toSorted())
    if (sessions) assert.equal(await sessions.countDocuments(), owners.length)
  },
)

onBothEngines(test, 'with device it is said when a user was there last', async (t, open) => {
  const store = open({ userId, device: true })
  const before = Date.now()
  await store.set('a', newSession({ user: 'ada' }))
  const [{ lastSeenAt }] = await collect(store.users())
  assert.ok(lastSeenAt >= before && lastSeenAt <= Date.now())
})

test('one session without an expiry has no last one', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  await store.set('a', newSession({ user: 'ada' }))
  await sessions.insertOne({ _id: 'b', userId: 'ada', session: { cookie: {} } })
  assert.deepEqual(await collect(store.users()), [
    { user: 'ada', sessions: 2, expires: null, lastSeenAt: null },
  ])
})

test('the list of users reads a page of sessions at a time, by the index on the users', async (t) => {
  const { uri, db, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  const documents = Array.from({ length: 5000 }, (_, n) => ({
    _id: `sid${n}`,
    userId: `user${n}`,
    session: { cookie: {} },
  }))
  await sessions.insertMany(documents)
  // An index is listed before it has been built, and can be asked for only then.
  await until(() => succeeds(sessions.findOne({}, { hint: 'userId_1' })), 'the index')
  await db.setProfilingLevel('all')
  let met = 0
  for await (const { user } of store.users()) {
    assert.ok(user)
    if (++met === 1500) break
  }
  await db.setProfilingLevel('off')
  const seen = await db
    .collection('system.profile')
    .find({ 'command.aggregate': 'sessions' })
    .toArray()
  assert.equal(seen.length, 2, 'two pages for one and a half')
  for (const { planSummary, docsExamined } of seen) {
    assert.equal(planSummary, 'IXSCAN { userId: 1 }')
    assert.ok(docsExamined <= 1001, `${docsExamined} documents`)
  }
})

onBothEngines(test, 'what users cannot do is refused', async (t, open) => {
  for (const [options, message] of [
    [{ after: null }, /'after'/],
    [{ after: {} }, /'after'/],
    [{ limit: 0 }, /'limit'/],
    [{ sort: { user: 1 } }, /has no option 'sort'/],
    ['ada', /options/],
  ]) {
    const error = await failure(open({ userId }).users(options).next())
    assert.ok(error instanceof TypeError)
    assert.match(error.message, message)
  }
  const error = await failure(open().users().next())
  assert.equal(error.code, 'ERR_STORE_OPTION')
  assert.match(error.message, /users needs the option 'userId'/)
  const closed = open({ userId })
  await closed.close()
  assert.equal((await failure(closed.users().next())).code, 'ERR_STORE_CLOSED')
})
