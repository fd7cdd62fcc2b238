// The option `indexes`: sessions are found by chosen values that stand beside them.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import connectMongodbSession from 'mongodb-session-store/connect-mongodb-session'
import ExpressSessionMongodb from 'mongodb-session-store/express-session-mongodb'
import ConnectMongo from '../lib/adapters/connect-mongo.mjs'
import { connected, database, failure, load, newSession, onBothEngines, openStore, until, watched } from './support.mjs' // prettier-ignore

const indexes = { tenant: ({ tenant }) => tenant, plan: (session) => session.account?.plan }
const sids = (entries) => entries.map(({ sid }) => sid)

onBothEngines(
  test,
  'sessions are found, counted and destroyed by their indexes',
  async (t, open) => {
    const store = open({ indexes, prefix: 'app:' })
    for (const [sid, tenant, plan] of [
      ['a', 'acme', 3],
      ['b', 'acme', 1],
      ['c', 'other', 3],
      ['d', undefined, undefined],
    ]) {
      await store.set(sid, newSession({ tenant, account: { plan } }))
    }
    await store.set('expired', newSession({ tenant: 'acme' }, -1000))
    const found = async (filter) => sids(await store.find(filter))
    assert.deepEqual(await found({ tenant: 'acme' }), ['a', 'b'])
    assert.deepEqual(await found({ tenant: ['acme', 'other'] }), ['a', 'b', 'c'])
    assert.deepEqual(await found({ tenant: 'acme', plan: { $gte: 2 } }), ['a'])
    assert.deepEqual(await found({ plan: { $gt: 1, $lt: 9 } }), ['a', 'c'])
    assert.deepEqual(await found({ tenant: null }), ['d'])
    assert.deepEqual(await found({ tenant: { $exists: false } }), ['d'])
    assert.deepEqual(await found({ tenant: { $ne: 'acme' } }), ['c', 'd'])
    assert.deepEqual(await found({ tenant: 'acme', 'account.plan': 1 }), ['b'])
    assert.equal(await store.count({ tenant: 'acme' }), 2)
    assert.equal(await store.count({ tenant: 'acme' }, { limit: 1 }), 1)
    const scanned = []
    for await (const { sid } of store.scan({ filter: { plan: 3 } })) scanned.push(sid)
    assert.deepEqual(scanned, ['a', 'c'])
    // The expired one as well, which a request may still hold.
    assert.equal(await store.destroyMany({ tenant: 'acme' }), 3)
    assert.deepEqual(await store.ids(), ['c', 'd'])
  },
)

test('the values stand in one field beside the session, and their indexes are created', async (t) => {
  const { uri, sessions } = await database(t)
  const store = await connected(openStore(t, { uri, indexes }))
  await store.set('a', newSession({ tenant: 'acme', account: { plan: 3 } }))
  await store.set('b', newSession())
  const [a, b] = await sessions.find().sort({ _id: 1 }).toArray()
  assert.deepEqual(Object.keys(a), ['_id', 'expires', 'indexes', 'session'])
  assert.deepEqual(a.indexes, { tenant: 'acme', plan: 3 })
  assert.deepEqual(Object.keys(b), ['_id', 'expires', 'session'])
  const made = await until(async () => {
    const all = await sessions.indexes()
    return all.length === 4 && all
  }, 'the indexes')
  const keys = Object.fromEntries(made.map(({ name, key }) => [name, key]))
  assert.deepEqual(keys['indexes.tenant_1__id_1'], { 'indexes.tenant': 1, _id: 1 })
  assert.deepEqual(keys['indexes.plan_1__id_1'], { 'indexes.plan': 1, _id: 1 })
})

test('a collection that is dropped gets the indexes again', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, indexes, autoRemove: 'disabled' })
  const names = async () => (await sessions.indexes().catch(() => [])).map(({ name }) => name)
  await until(async () => (await names()).length === 3, 'the indexes')
  await sessions.drop()
  await store.set('a', newSession({ tenant: 'acme' }))
  await until(async () => (await names()).length === 3, 'the indexes again')
  await until(() => store.events.length > 0, 'the warning')
  assert.match(store.events[0].value.message, /'indexes\.tenant_1__id_1'/)
})

test('an index that is refused is a warning that says what it takes', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ other: 1 }, { name: 'indexes.tenant_1__id_1' })
  const store = openStore(t, { uri, indexes: { tenant: indexes.tenant } })
  await until(() => store.events.length > 0, 'the warning')
  const [{ name, value }] = store.events
  assert.equal(name, 'warning')
  assert.equal(value.code, 'ERR_STORE_INDEX')
  assert.match(value.message, /Create it with \{ indexes\.tenant: 1, _id: 1 \}/)
  await store.set('a', newSession({ tenant: 'acme' }))
  assert.deepEqual(sids(await store.find({ tenant: 'acme' })), ['a'])
})

test('without the option nothing is stored, and what others have stored stays', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri, indexes }).set('a', newSession({ tenant: 'acme' }))
  const store = openStore(t, { uri })
  const session = await load(store, 'a')
  session.views = 1
  await store.set('a', session)
  assert.deepEqual((await sessions.findOne({ _id: 'a' })).indexes, { tenant: 'acme' })
  await store.set('b', newSession({ tenant: 'acme' }))
  assert.deepEqual(Object.keys(await sessions.findOne({ _id: 'b' })), ['_id', 'expires', 'session'])
})

for (const [title, options, data = {}] of [
  ['encryption', { encryption: { keys: [Buffer.alloc(32, 7)] } }],
  ['stringify', { stringify: true }],
  ['a cryptoAdapter', { cryptoAdapter: { encrypt: (text) => `!${text}`, decrypt: (text) => text.slice(1) } }], // prettier-ignore
  ['serialize to a text', { serialize: (session) => `!${JSON.stringify(session)}`, unserialize: (text) => JSON.parse(text.slice(1)) }], // prettier-ignore
  ['serialize to an object', { serialize: ({ cookie, ...rest }) => ({ cookie, rest }), unserialize: ({ cookie, rest }) => ({ cookie, ...rest }) }], // prettier-ignore
  ['hashIds', { hashIds: true }],
  ['transformId', { transformId: (sid) => sid.toUpperCase() }],
  ['deleteFlags', { deleteFlags: true }],
  ["save: 'replace'", { save: 'replace' }],
  [
    'own names of fields',
    { fields: { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' } },
  ],
  ['fields.lastAccess', { fields: { lastAccess: 'seen' }, ttl: 60_000 }],
  ['device and timestamps', { userId: ({ user }) => user, device: true, timestamps: true }, { user: 'ada' }], // prettier-ignore
  ['maxPerUser', { userId: ({ user }) => user, maxPerUser: 5 }, { user: 'ada' }],
  ['absoluteTimeout', { absoluteTimeout: 3_600_000 }],
]) {
  onBothEngines(test, `with ${title} sessions are found all the same`, async (t, open) => {
    const store = open({ indexes, prefix: 'app:', ...options })
    await store.set('a', newSession({ ...data, tenant: 'acme', account: { plan: 1 } }))
    await store.set('b', newSession({ ...data, tenant: 'acme' }))
    const count = () => Promise.all(['acme', 'other'].map((tenant) => store.count({ tenant })))
    assert.deepEqual(await count(), [2, 0])
    assert.equal((await store.find({ plan: 1 }))[0].session.tenant, 'acme')
    const session = await load(store, 'a')
    session.tenant = 'other'
    session['a.b'] = 1
    await store.set('a', session)
    assert.deepEqual(await count(), [1, 1])
    assert.equal((await store.find({ tenant: 'other' }))[0].session['a.b'], 1)
    await store.touch('a', session)
    assert.deepEqual(await count(), [1, 1])
    delete session.tenant
    await store.set('a', session)
    assert.deepEqual(await count(), [1, 0])
    assert.equal(await store.count({ tenant: null }), 1)
    assert.equal(await store.destroyMany({ tenant: 'acme' }), 1)
    assert.equal(await store.length(), 1)
  })
}

onBothEngines(
  test,
  'sessions of encrypted stores have no other filter',
  async (t, open, { sessions }) => {
    const store = open({ indexes, encryption: { keys: [Buffer.alloc(32, 7)] } })
    await store.set('sid', newSession({ tenant: 'acme', secret: 'x' }))
    for (const filter of [
      { secret: 'x' },
      { tenant: 'acme', secret: 'x' },
      { 'tenant.name': 'x' },
    ]) {
      for (const call of [store.find(filter), store.count(filter), store.destroyMany(filter)]) {
        assert.equal((await failure(call)).code, 'ERR_STORE_FILTER')
      }
    }
    if (sessions) assert.deepEqual((await sessions.findOne()).indexes, { tenant: 'acme' })
  },
)

onBothEngines(test, 'update, take and renew keep the values right', async (t, open) => {
  const store = open({ indexes, deleteFlags: true })
  await store.set('sid', newSession({ tenant: 'acme', account: { plan: 1 } }))
  await store.update('sid', (session) => {
    session.tenant = 'other'
  })
  assert.equal(await store.count({ tenant: 'acme' }), 0)
  assert.equal(await store.count({ tenant: 'other', plan: 1 }), 1)
  await store.take('sid', 'account')
  assert.equal(await store.count({ tenant: 'other', plan: null }), 1)
  const req = { sessionID: 'sid', sessionStore: store, session: await load(store) }
  store.generate = (request) => {
    request.sessionID = 'renewed'
    request.session = {}
  }
  assert.equal(await store.renew(req), true)
  assert.deepEqual(sids(await store.find({ tenant: 'other' })), ['renewed'])
  assert.equal(await store.destroyMany({ tenant: 'other' }), 1)
  assert.equal(await store.get('sid'), null)
})

for (const [name, open] of [
  ['connect-mongo', ({ uri }) => ConnectMongo.create({ mongoUrl: uri, dbName: new URL(uri).pathname.slice(1), indexes })], // prettier-ignore
  ['connect-mongo with a secret', ({ uri }) => ConnectMongo.create({ mongoUrl: uri, crypto: { secret: 'of theirs' }, indexes })], // prettier-ignore
  ['connect-mongodb-session', ({ uri }) => new (connectMongodbSession(session))({ uri, collection: 'sessions', indexes })], // prettier-ignore
  ['express-session-mongodb', ({ db }) => new ExpressSessionMongodb(db, null, { indexes })],
]) {
  test(`documents of the adapter for ${name} are found`, async (t) => {
    const { uri, db } = await database(t)
    const store = watched(t, open({ uri, db }))
    await store.set('sid', newSession({ tenant: 'acme' }))
    const loaded = await load(store)
    loaded.tenant = 'other'
    await store.set('sid', loaded)
    assert.equal(await store.count({ tenant: 'acme' }), 0)
    assert.equal((await store.find({ tenant: 'other' }))[0].session.tenant, 'other')
    const document = await db.collection(store.collectionName).findOne()
    assert.deepEqual(document.indexes, { tenant: 'other' })
  })
}

onBothEngines(test, 'what moves in from a previous store is found', async (t, open) => {
  const previousStore = open()
  const store = open({ indexes, previousStore, prefix: 'new:' })
  await previousStore.set('sid', newSession({ tenant: 'acme' }))
  assert.equal(await store.count({ tenant: 'acme' }), 0)
  assert.equal((await store.get('sid')).tenant, 'acme')
  assert.deepEqual(sids(await store.find({ tenant: 'acme' })), ['sid'])
})
