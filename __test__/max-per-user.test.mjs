// maxPerUser: who logs in once too often loses the session that has been theirs for the longest.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import { nextMillisecond } from './express-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { database, newSession, onBothEngines, openStore, runProgram, until } from './support.mjs'

const userId = (session) => session.user
const sidsOf = async (store, user = 'ada') =>
  (await store.sessionsOf(user)).map(({ sid }) => sid).sort()

/** Logs a user in under each of some session ids, one after another. */
async function logIn(store, sids, user = 'ada') {
  for (const sid of sids) {
    await store.set(sid, newSession({ user }))
    await nextMillisecond()
  }
}

onBothEngines(test, 'the newest sessions of a user stay', async (t, open) => {
  const store = open({ userId, maxPerUser: 2 })
  await logIn(store, ['z', 'y', 'x', 'w'])
  assert.deepEqual(await sidsOf(store), ['w', 'x'])
  assert.equal(await store.length(), 2)
})

onBothEngines(test, 'other users and visitors without a name are not counted', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  await logIn(store, ['a', 'b'])
  await logIn(store, ['c'], 'bob')
  for (const sid of ['d', 'e', 'f']) await store.set(sid, newSession())
  assert.deepEqual(await sidsOf(store), ['b'])
  assert.deepEqual(await sidsOf(store, 'bob'), ['c'])
  assert.equal(await store.length(), 5)
})

onBothEngines(test, 'the limit holds as soon as the log-in is answered', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  await logIn(store, ['a'])
  await store.set('b', newSession({ user: 'ada' }))
  assert.equal(await store.get('a'), null)
})

onBothEngines(test, 'saves, touches and reads make no session newer', async (t, open) => {
  const store = open({ userId, maxPerUser: 2 })
  await logIn(store, ['a', 'b'])
  const session = store.createSession({ sessionID: 'a', sessionStore: store }, await store.get('a'))
  session.views = 1
  await store.set('a', session)
  await store.touch('a', session)
  // A plain object is no other log-in either.
  await store.set('a', newSession({ user: 'ada', views: 2 }))
  await logIn(store, ['c'])
  assert.deepEqual(await sidsOf(store), ['b', 'c'])
})

onBothEngines(test, 'what counts is the log-in, not how old the session is', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  const cart = await visitorOf(t, store)
  const sid = await cart.login({ cart: 1 })
  await nextMillisecond()
  await logIn(store, ['phone'])
  await cart.request(({ session }) => {
    session.user = 'ada'
  })
  assert.deepEqual(await sidsOf(store), [sid])
  assert.deepEqual(await cart.data(), { cart: 1, user: 'ada' })
})

onBothEngines(test, 'a plain object that becomes a user’s is new then', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  await store.set('old', newSession())
  await nextMillisecond()
  await logIn(store, ['phone'])
  await store.set('old', newSession({ user: 'ada' }))
  assert.deepEqual(await sidsOf(store), ['old'])
})

onBothEngines(test, 'a request of the session that went cannot bring it back', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  const visitor = await visitorOf(t, store)
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    await nextMillisecond()
    await logIn(store, ['phone'])
    req.session.late = true
  })
  assert.equal(await store.get(sid), null)
  assert.deepEqual(await sidsOf(store), ['phone'])
  await until(() => store.events.length > 0, 'the discard')
  assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
})

onBothEngines(test, 'expired and flagged sessions take no place', async (t, open) => {
  const store = open({ userId, maxPerUser: 2 })
  await logIn(store, ['a', 'b'])
  await store.flagDeletion('b')
  await store.set('expired', newSession({ user: 'ada' }, -1000))
  await logIn(store, ['c'])
  assert.deepEqual(await sidsOf(store), ['a', 'c'])
})

onBothEngines(test, 'with delete flags the oldest is flagged', async (t, open) => {
  const store = open({ userId, maxPerUser: 1, deleteFlags: true })
  await logIn(store, ['a', 'b'])
  assert.deepEqual(await sidsOf(store), ['b'])
  assert.equal(await store.cleanup(), 1)
})

onBothEngines(test, 'many log-ins at once leave as many as may be', async (t, open) => {
  const store = open({ userId, maxPerUser: 3 })
  const users = ['ada', 'bob', 'eve']
  await Promise.all(
    Array.from({ length: 90 }, (_, n) => store.set(`sid${n}`, newSession({ user: users[n % 3] }))),
  )
  for (const user of users) assert.equal((await sidsOf(store, user)).length, 3)
  assert.equal(await store.length(), 9)
})

test('log-ins in two processes at once leave as many as may be', async (t) => {
  const { uri, sessions } = await database(t)
  const options = { uri, userId, maxPerUser: 2 }
  const stores = [openStore(t, options), openStore(t, options)]
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      stores.flatMap((store, s) =>
        [0, 1, 2].map((n) => store.set(`${round}-${s}-${n}`, newSession({ user: 'ada' }))),
      ),
    )
    assert.equal(await sessions.countDocuments({ userId: 'ada' }), 2)
  }
})

test('the sessions of another prefix are not counted', async (t) => {
  const { uri } = await database(t)
  const one = openStore(t, { uri, userId, maxPerUser: 1, prefix: 'one:' })
  const two = openStore(t, { uri, userId, maxPerUser: 1, prefix: 'two:' })
  await logIn(one, ['a'])
  await logIn(two, ['a'])
  assert.deepEqual([await sidsOf(one), await sidsOf(two)], [['a'], ['a']])
})

test('sessions from before the option are the oldest', async (t) => {
  const { uri, sessions } = await database(t)
  const before = openStore(t, { uri, userId })
  await logIn(before, ['z'])
  assert.equal('userSince' in (await sessions.findOne()), false)
  const store = openStore(t, { uri, userId, maxPerUser: 1 })
  await logIn(store, ['a'])
  assert.deepEqual(await sidsOf(store), ['a'])
  const { userSince } = await sessions.findOne({ _id: 'a' })
  assert.ok(userSince instanceof Date && userSince <= new Date())
})

test('a log-out takes both fields away', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, maxPerUser: 1 })
  const visitor = await visitorOf(t, store)
  await visitor.login()
  for (const change of [
    (session) => delete session.user,
    (session) => Object.assign(session, { user: 'ada' }),
    (session) => {
      delete session.user
      session['a.b'] = 1
    },
  ]) {
    await visitor.request(({ session }) => void change(session))
    const document = await sessions.findOne()
    const hasUser = document.session.user !== undefined
    assert.equal('userId' in document, hasUser)
    assert.equal('userSince' in document, hasUser)
  }
})

test('a session of any keys is stored whole beside its user', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, maxPerUser: 1 })
  const data = { user: '$session', 'a.b': 1, $set: { x: 1 }, '': [{ $literal: '$$ROOT' }] }
  await store.set('sid', newSession(data))
  await store.set('sid', newSession(data))
  const { cookie: _cookie, ...read } = await store.get('sid')
  assert.deepEqual(read, data)
  const document = await sessions.findOne()
  assert.deepEqual(Object.keys(document).sort(), ['_id', 'expires', 'session', 'userId', 'userSince']) // prettier-ignore
  assert.equal(document.userId, '$session')
})

test('a limit that is no limit, or without users, is refused by name', () => {
  for (const maxPerUser of [0, -1, 1.5, NaN, Infinity, '3', 2 ** 40]) {
    assert.throws(() => new MongoSessionStore({ uri: 'memory:', userId, maxPerUser }), {
      name: 'TypeError',
      code: 'ERR_STORE_OPTION',
      message: /'maxPerUser'/,
    })
  }
  assert.throws(() => new MongoSessionStore({ uri: 'memory:', maxPerUser: 1 }), /'maxPerUser'/)
  assert.throws(() => new MongoSessionStore({ uri: 'memory:', userId: 'user' }), /'userId'/)
})

test('a process whose clock is ahead loses the others no log-in', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, maxPerUser: 1 })
  // What the other process has written is what MongoDB's clock says, whatever its own does.
  const ahead = `
    const now = Date.now
    Date.now = () => now() + 60_000
    const store = new MongoSessionStore({ uri: '${uri}', userId: (session) => session.user, maxPerUser: 1 })
    await store.set('first', { cookie: {}, user: 'ada' })
    await store.close()`
  const { code, stderr } = await runProgram(ahead)
  assert.equal(code, 0, stderr)
  const { userSince } = await sessions.findOne({ _id: 'first' })
  assert.ok(userSince <= new Date())
  await nextMillisecond()
  await store.set('second', newSession({ user: 'ada' }))
  assert.deepEqual(await sidsOf(store), ['second'])
})

onBothEngines(test, 'who is refused is told', async (t, open) => {
  const store = open({ userId, maxPerUser: 2 })
  const sids = Array.from({ length: 6 }, (_, n) => `sid${n}`)
  await Promise.all(sids.map((sid) => store.set(sid, newSession({ user: 'ada' }))))
  const left = await sidsOf(store)
  assert.equal(left.length, 2)
  const refused = store.events.map(({ name, value }) => (assert.equal(name, 'discard'), value))
  // A session that was there when its log-in was answered went by a later one, as any other does.
  for (const sid of refused) assert.ok(!left.includes(sid))
})

onBothEngines(test, 'a session that has expired meanwhile is not renewed', async (t, open) => {
  const store = open({ userId, maxPerUser: 1 })
  // On a machine that stands still it may expire before it is read.
  const session = await until(async () => {
    await store.set('late', newSession({ user: 'ada' }, 500))
    const data = await store.get('late')
    return data && store.createSession({ sessionID: 'late', sessionStore: store }, data)
  }, 'a read in time')
  await until(async () => (await store.get('late')) === null, 'its end')
  await store.set('next', newSession({ user: 'ada' }))
  session.cookie.maxAge = 60_000
  session.views = 1
  await store.set('late', session)
  await store.touch('late', session)
  assert.deepEqual(await sidsOf(store), ['next'])
  assert.equal(await store.get('late'), null)
  assert.deepEqual(store.events, [{ name: 'discard', value: 'late' }])
})
