// The field `userId` says what its document says, whatever parallel requests do to the session.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { MemoryStore } from 'express-session'
import { fastifyVisitorOf } from './fastify-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { database, isLong, load, newSession, openStore } from './support.mjs'

const userId = ({ impersonated, user }) => impersonated ?? user?.id

const ada = { id: 'ada' }
const eve = { id: 'eve' }

/** What two parallel requests do to a session of ada's, one after another. */
const PAIRS = {
  'a log-out and a change of the user': [
    (session) => delete session.user,
    (session) => (session.user.seen = 1),
  ],
  'a change of account and a change of the user': [
    (session) => (session.user = eve),
    (session) => (session.user.seen = 1),
  ],
  'a log-out and a change of something else': [
    (session) => delete session.user,
    (session) => (session.views = 1),
  ],
  'two keys that make the user': [
    (session) => (session.impersonated = 'bob'),
    (session) => (session.user = eve),
  ],
  'a log-out and keys that no path can name': [
    (session) => delete session.user,
    (session) => Object.assign(session, { user: { id: '$eve' }, 'a.b': 1 }),
  ],
}

const adapter = {
  encrypt: async (text) => Buffer.from(text).toString('base64'),
  decrypt: async (text) => Buffer.from(text, 'base64').toString(),
}

const STORES = {
  'a store': {},
  'a store with a limit per user': { maxPerUser: 3 },
  'a store that encrypts': { encryption: { keys: [randomBytes(32)] } },
  'a store of hashed ids': { hashIds: true, prefix: 'app:' },
  'a store of own field names': { fields: { id: 'key', session: 'data', expires: 'until' } },
  'a store that replaces': { save: 'replace' },
  'a store that replaces, with a limit': { save: 'replace', maxPerUser: 3 },
  'a store of strings': { stringify: true },
  'a store with an adapter': { cryptoAdapter: adapter },
  'a store of a form of its own': {
    serialize: (session) => ({ text: JSON.stringify(session) }),
    unserialize: ({ text }) => JSON.parse(text),
  },
  'a store with a previous one': { previousStore: new MemoryStore() },
  'a store with delete flags': { deleteFlags: true },
  'a store with times of creation': { timestamps: true, absoluteTimeout: 1e6 },
  'the embedded engine': { uri: 'memory:' },
  'the embedded engine with a limit': { uri: 'memory:', maxPerUser: 3 },
}

for (const [at, [name, options]] of Object.entries(STORES).entries()) {
  test(`${name} knows whose session it is after parallel requests`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, userId, ...options })
    const visitor = await visitorOf(t, store)
    for (const [n, [what, changes]] of Object.entries(PAIRS).entries()) {
      const orders = [changes, changes.toReversed()]
      // Either order with the first store, one of them with each of the others.
      const tried = at === 0 || isLong ? orders : [orders[(at + n) % 2]]
      for (const changes of tried) await checkPair(visitor, { what, changes, store, sessions })
    }
  })
}

test('so do stores of large sessions and of such with special values', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  const visitor = await visitorOf(t, store)
  for (const data of [
    { user: ada, large: 'x'.repeat(5000) },
    { user: ada, since: new Date(0) },
  ]) {
    for (const [what, changes] of Object.entries(PAIRS)) {
      await checkPair(visitor, { what, changes, data, store, sessions })
      await checkPair(visitor, { what, changes: changes.toReversed(), data, store, sessions })
    }
  }
})

async function checkPair(visitor, { what, changes, data = { user: ada }, store, sessions }) {
  await visitor.login(data)
  await visitor.inTurn(...changes.map((change) => (session) => void change(session)))
  const user = userId(await visitor.data())
  for (const other of ['ada', 'bob', 'eve', '$eve']) {
    const count = (await store.sessionsOf(other)).length
    assert.equal(count, Number(other === user), `${what}: ${other}, where it is ${user}`)
  }
  const document = await sessions.findOne()
  if (document !== null) assert.equal(document.userId, user, what)
  if (user === undefined) await store.clear()
  else assert.equal(await store.destroyByUser(user), 1, what)
  assert.equal(await visitor.data(), null, what)
  await store.cleanup()
}

test('so it does behind @fastify/session', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  const visitor = await fastifyVisitorOf(t, store)
  for (const [what, changes] of Object.entries(PAIRS)) {
    await checkPair(visitor, { what, changes, store, sessions })
    await checkPair(visitor, { what, changes: changes.toReversed(), store, sessions })
  }
})

test('requests that meet at random agree with their document', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  const visitor = await visitorOf(t, store)
  const changes = Object.values(PAIRS).flat()
  const whose = new Map()
  for (let round = 0; round < 20; round++) {
    const sid = await visitor.login({ user: ada })
    await visitor.atOnce(...changes.map((change) => (session) => void change(session)))
    whose.set(sid, userId(await visitor.data()))
  }
  for (const { _id, userId } of await sessions.find().toArray()) {
    assert.equal(userId, whose.get(_id))
  }
})

test('a session from before the option gets its user with the next save', async (t) => {
  const { uri, sessions } = await database(t)
  const before = openStore(t, { uri })
  const store = openStore(t, { uri, userId })
  await before.set('a', newSession({ user: ada }))
  const [first, second] = [await load(store, 'a'), await load(store, 'a')]
  first.views = 1
  await store.set('a', first)
  assert.equal((await sessions.findOne()).userId, 'ada')
  first.user = eve
  await store.set('a', first)
  // It still believes that the document says nothing.
  second.views = 2
  await store.set('a', second)
  assert.equal((await sessions.findOne()).userId, 'eve')
})

test('a version of the option that answers otherwise is heard, but not against a log-in beside it', async (t) => {
  const { uri, sessions } = await database(t)
  const old = openStore(t, { uri, userId })
  const store = openStore(t, { uri, userId: (session) => userId(session)?.toUpperCase() })
  await old.set('a', newSession({ user: ada }))
  const [one, two, three] = [await load(store, 'a'), await load(store, 'a'), await load(store, 'a')]
  one.views = 1
  await store.set('a', one)
  assert.equal((await sessions.findOne()).userId, 'ADA')
  two.user = eve
  await store.set('a', two)
  three.views = 2
  await store.set('a', three)
  assert.equal((await sessions.findOne()).userId, 'EVE')
})

test('keys that the option looks at only where it finds others are known from the start', async (t) => {
  const { uri, sessions } = await database(t)
  for (const [what, userId] of Object.entries({
    'one behind another': (session) => (session.isIn ? session.user : undefined),
    'one behind a certain value': (session) => (session.isIn === true ? session.user : undefined),
    'the next one behind each': (session) => {
      let last
      for (let n = 0; session[`user${n}`]; n++) last = session[`user${n}`]
      return session.isIn && (last ?? session.user)
    },
  })) {
    // Neither process has ever seen somebody logged in.
    const [one, other] = [openStore(t, { uri, userId }), openStore(t, { uri, userId })]
    await one.set(what, newSession())
    const [first, second] = [await load(one, what), await load(other, what)]
    first.isIn = true
    second.user = 'ada'
    await one.set(what, first)
    await other.set(what, second)
    const { session, userId: stored } = await sessions.findOne({ _id: what })
    assert.equal(stored, userId(session), what)
  }
})

test('where the option reads all of a session, all of it is saved together', async (t) => {
  const { uri, sessions } = await database(t)
  const reading = (session) => Object.keys(session).find((key) => session[key] === 'me')
  const store = openStore(t, { uri, userId: reading })
  const visitor = await visitorOf(t, store)
  await visitor.login({ ada: 'me' })
  await visitor.inTurn(
    (session) => delete session.ada,
    (session) => (session.views = 1),
    (session) => Object.assign(session, { ada: 1, eve: 'me' }),
    (session) => (session.views = 2),
  )
  assert.deepEqual(await visitor.data(), { ada: 'me', views: 2 })
  assert.equal((await sessions.findOne()).userId, 'ada')
})

test('an option that fails without a user is asked no less', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId: (session) => session.user.id })
  await store.set('a', newSession({ user: ada }))
  assert.equal((await sessions.findOne()).userId, 'ada')
  await assert.rejects(store.set('b', newSession()), TypeError)
})
