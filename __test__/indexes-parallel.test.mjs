// The values of `indexes` say what their session says, whatever parallel requests do to it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { barrier, visitorOf } from './parallel-support.mjs'
import { database, load, newSession, openStore } from './support.mjs'

/** Two that have a key in common, with each other and with the user. */
const indexes = {
  tenant: ({ tenant, user }) => tenant ?? user?.tenant,
  plan: ({ plan }) => plan,
  role: ({ plan, user }) => user && `${user.role}-${plan}`,
}
const userId = ({ user }) => user?.id

const ada = { id: 'ada', tenant: 'acme', role: 'admin' }
const eve = { id: 'eve', tenant: 'other', role: 'guest' }

/** What two parallel requests do to a session of ada's, one after another. */
const PAIRS = {
  'a log-out and a change of the user': [
    (session) => delete session.user,
    (session) => (session.user.seen = 1),
  ],
  'a change of account and one of the plan': [
    (session) => (session.user = eve),
    (session) => (session.plan = 2),
  ],
  'a log-out and a change of something else': [
    (session) => delete session.user,
    (session) => (session.views = 1),
  ],
  'a tenant and a log-out with keys that no path can name': [
    (session) => (session.tenant = '$tenant'),
    (session) => Object.assign(session, { user: undefined, 'a.b': 1 }),
  ],
}

const STORES = {
  'a store': {},
  'a store that knows users, with a limit': { userId, maxPerUser: 3 },
  'a store that encrypts': { encryption: { keys: [randomBytes(32)] }, userId },
  'a store of hashed ids and own field names': { hashIds: true, prefix: 'app:', fields: { session: 'data' } }, // prettier-ignore
  'a store that replaces': { save: 'replace', userId },
  'a store of strings': { stringify: true },
  'a store of a form of its own': {
    serialize: (session) => ({ text: JSON.stringify(session) }),
    unserialize: ({ text }) => JSON.parse(text),
  },
  'a store with delete flags and times of creation': { deleteFlags: true, absoluteTimeout: 1e6 },
  'the embedded engine': { uri: 'memory:', userId },
}

/** What the values of a session are. */
function valuesOf(session) {
  const values = Object.entries(indexes).map(([name, index]) => [name, index(session)])
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

for (const [name, options] of Object.entries(STORES)) {
  test(`${name} finds a session by what it holds after parallel requests`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, indexes, ...options })
    const visitor = await visitorOf(t, store)
    for (const [what, changes] of Object.entries(PAIRS)) {
      for (const order of [changes, changes.toReversed()]) {
        await visitor.login({ user: ada, plan: 1 })
        await visitor.inTurn(...order.map((change) => (session) => void change(session)))
        const values = valuesOf(await visitor.data())
        for (const name of Object.keys(indexes)) {
          const found = await store.count({ [name]: { $eq: values[name] ?? null } })
          assert.equal(found, 1, `${what}: ${name}`)
        }
        const document = await sessions.findOne()
        if (document !== null) assert.deepEqual(document.indexes ?? {}, values, what)
        if (document !== null && options.userId) assert.equal(document.userId, userId(await visitor.data()), what) // prettier-ignore
        await store.clear()
        await store.cleanup()
      }
    }
  })
}

test('requests that meet at random agree with their document, in two processes', async (t) => {
  const { uri, sessions } = await database(t)
  const stores = [openStore(t, { uri, indexes }), openStore(t, { uri, indexes })]
  const changes = Object.values(PAIRS).flat()
  for (let round = 0; round < 20; round++) {
    const sid = `sid${round}`
    await stores[0].set(sid, newSession({ user: ada, plan: 1 }))
    const meet = barrier(changes.length)
    await Promise.all(
      changes.map(async (change, n) => {
        const store = stores[n % 2]
        const session = await load(store, sid)
        await meet()
        change(session)
        await store.set(sid, session)
      }),
    )
    const session = await stores[0].get(sid)
    const document = await sessions.findOne({ _id: sid })
    assert.deepEqual(document.indexes ?? {}, valuesOf(session))
  }
})

test('a session from before the option gets its values with the next save, but not against one beside it', async (t) => {
  const { uri, sessions } = await database(t)
  const before = openStore(t, { uri })
  const store = openStore(t, { uri, indexes: { tenant: indexes.tenant } })
  await before.set('a', newSession({ user: ada }))
  const [first, second] = [await load(store, 'a'), await load(store, 'a')]
  first.views = 1
  await store.set('a', first)
  assert.deepEqual((await sessions.findOne()).indexes, { tenant: 'acme' })
  first.user = eve
  await store.set('a', first)
  // It still believes that the document says nothing.
  second.views = 2
  await store.set('a', second)
  assert.deepEqual((await sessions.findOne()).indexes, { tenant: 'other' })
})

test('a function that answers otherwise than before is heard with the next save', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri, indexes }).set('a', newSession({ user: ada, plan: 1 }))
  const store = openStore(t, {
    uri,
    indexes: { tenant: (session) => indexes.tenant(session)?.toUpperCase(), plan: () => undefined },
  })
  const session = await load(store, 'a')
  session.views = 1
  await store.set('a', session)
  // Names that this store does not know stay.
  assert.deepEqual((await sessions.findOne()).indexes, { tenant: 'ACME', role: 'admin-1' })
})

test('where a function reads all of a session, all of it is saved together', async (t) => {
  const { uri, sessions } = await database(t)
  const mine = (session) => Object.keys(session).find((key) => session[key] === 'me')
  const store = openStore(t, { uri, indexes: { mine, plan: indexes.plan } })
  const visitor = await visitorOf(t, store)
  await visitor.login({ ada: 'me', plan: 1 })
  await visitor.inTurn(
    (session) => delete session.ada,
    (session) => (session.views = 1),
  )
  assert.deepEqual(await visitor.data(), { ada: 'me', plan: 1, views: 1 })
  assert.deepEqual((await sessions.findOne()).indexes, { mine: 'ada', plan: 1 })
})
