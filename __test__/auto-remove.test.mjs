import assert from 'node:assert/strict'
import test from 'node:test'
import { connected, database, failure, newSession, openStore, until } from './support.mjs'

const PAST = new Date(Date.now() - 60_000)
const FUTURE = new Date(Date.now() + 3_600_000)

/** Stores documents that have expired, and one that has not. */
async function seed(sessions, prefix = '') {
  const expired = Array.from({ length: 50 }, (_, n) => ({
    _id: `${prefix}old${n}`,
    expires: PAST,
    session: { cookie: {} },
  }))
  await sessions.insertMany([
    ...expired,
    { _id: `${prefix}live`, expires: FUTURE, session: { cookie: {} } },
    { _id: `${prefix}eternal`, session: { cookie: {} } },
  ])
}

const names = async (sessions) => (await sessions.indexes()).map(({ name }) => name)
const count = (sessions, prefix) => sessions.countDocuments({ _id: { $regex: `^${prefix}` } })

test("'interval' removes what has expired, and needs no index", async (t) => {
  const { uri, sessions } = await database(t)
  await seed(sessions)
  const store = openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 50 })
  assert.equal(store.createTTLIndex, false)
  await until(async () => (await count(sessions, '')) === 2, 'the removal')
  await store.set('late', newSession())
  await sessions.updateOne({ _id: 'late' }, { $set: { expires: PAST } })
  await until(async () => (await count(sessions, 'late')) === 0, 'the next removal')
  assert.equal(await count(sessions, ''), 2)
  assert.deepEqual(await names(sessions), ['_id_'])
  assert.deepEqual(store.events, [])
})

test("'interval' leaves the sessions of other prefixes alone", async (t) => {
  const { uri, sessions } = await database(t)
  await seed(sessions, 'mine:')
  await seed(sessions, 'yours:')
  openStore(t, { uri, prefix: 'mine:', autoRemove: 'interval', autoRemoveInterval: 50 })
  await until(async () => (await count(sessions, 'mine:')) === 2, 'the removal')
  assert.equal(await count(sessions, 'yours:'), 52)
})

test('of many processes one does the removal', async (t) => {
  const { uri, db, sessions } = await database(t)
  await seed(sessions)
  await db.command({ profile: 2 })
  const options = { uri, autoRemove: 'interval', autoRemoveInterval: 1000 }
  const stores = Array.from({ length: 10 }, () => openStore(t, options))
  await Promise.all(stores.map(connected))
  const profile = db.collection('system.profile')
  const claims = () => profile.countDocuments({ op: 'update', ns: sessions.namespace })
  await until(async () => (await claims()) >= 10, 'every store to have asked for the lease')
  const removals = { op: 'remove', ns: sessions.namespace }
  await until(async () => (await profile.countDocuments(removals)) > 0, 'the removal')
  // Counted first: who removes has asked before. A lease lasts half of the interval.
  const removed = await profile.countDocuments(removals)
  const asked = await profile.find({ op: 'update', ns: sessions.namespace }).toArray()
  const moments = asked.map(({ command }) => command.q.until.$lte.getTime())
  const span = Math.max(...moments) - Math.min(...moments)
  assert.ok(removed <= 1 + span / 500, `${removed} removals in ${span} ms`)
  assert.equal(await count(sessions, ''), 2)
})

test('the lease is no session', async (t) => {
  const { uri, sessions } = await database(t)
  await seed(sessions)
  const store = openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 50 })
  await until(async () => (await count(sessions, '')) === 2, 'the removal')
  const leases = () => sessions.findOne({ _id: { autoRemove: '' } })
  assert.ok((await leases()).until instanceof Date)
  assert.equal(await store.length(), 2)
  assert.equal((await store.all()).length, 2)
  await store.clear()
  assert.ok(await leases())
  assert.deepEqual(store.events, [])
})

for (const options of [{ autoRemove: 'disabled' }, { createTTLIndex: false }]) {
  test(`${JSON.stringify(options)} makes no index and removes nothing`, async (t) => {
    const { uri, db, sessions } = await database(t)
    await seed(sessions)
    const store = openStore(t, { uri, autoRemoveInterval: 1, ...options })
    assert.equal(store.createTTLIndex, false)
    // Long enough for another store to do both.
    await seed(db.collection('other'))
    const other = { uri, collection: 'other', autoRemoveInterval: 50 }
    openStore(t, { ...other, autoRemove: 'interval' })
    await until(async () => (await count(db.collection('other'), '')) === 2, 'the other removal')
    openStore(t, { uri, collection: 'indexed' })
    await until(async () => (await names(db.collection('indexed')).catch(() => [])).length === 2)
    assert.equal(await count(sessions, ''), 52)
    assert.deepEqual(await names(sessions), ['_id_'])
    assert.equal(await store.get('old1'), null)
  })
}

test("'native' is the default and makes the index", async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, autoRemove: 'native' })
  assert.equal(store.createTTLIndex, true)
  await store.set('sid', newSession())
  await until(async () => (await names(sessions)).includes('expires_1'), 'the index')
})

test('a removal that is refused is a warning, and the next one is attempted', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('base')
  // A view can be read and not be written.
  await db.createCollection('sessions', { viewOn: 'base', pipeline: [] })
  const store = openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 50 })
  await until(() => store.events.length > 1, 'two warnings')
  for (const { name, value } of store.events) {
    assert.equal(name, 'warning')
    assert.equal(value.code, 'ERR_STORE_AUTO_REMOVE')
    assert.equal(value.cause.code, 'ERR_STORE_SERVER')
    assert.equal(value.cause.mongoCode, 166)
  }
  await sessions.drop()
  await seed(sessions)
  await until(async () => (await count(sessions, '')) === 2, 'the removal')
})

test('an interval that is running does not hold up close', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 1 })
  await connected(store)
  await store.close()
  assert.equal((await failure(store.ping())).code, 'ERR_STORE_CLOSED')
})

test("'interval' works for every prefix where documents have an id field of their own", async (t) => {
  const { uri, sessions } = await database(t)
  const fields = { id: 'sid' }
  const prefixes = ['one:', 'two:', 'three:']
  for (const prefix of prefixes) {
    const store = openStore(t, {
      ...{ uri, prefix, fields },
      ...{ autoRemove: 'interval', autoRemoveInterval: 50 },
    })
    await store.set('old', newSession({}, -1))
    await store.set('live', newSession())
  }
  const left = () => sessions.countDocuments({ sid: { $regex: ':' } })
  await until(async () => (await left()) === prefixes.length, 'the removals')
  assert.equal(await sessions.countDocuments({ sid: /live/ }), prefixes.length)
})

test("'interval' keeps what has expired for as long as expireAfter says", async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertMany([
    { _id: 'lately', expires: PAST, session: { cookie: {} } },
    { _id: 'long ago', expires: new Date(Date.now() - 7_200_000), session: { cookie: {} } },
  ])
  const options = { autoRemove: 'interval', autoRemoveInterval: 50, expireAfter: 3_600_000 }
  openStore(t, { uri, ...options })
  await until(async () => (await count(sessions, 'long ago')) === 0, 'the removal')
  assert.equal(await count(sessions, 'lately'), 1)
})

test('a lease that was taken by a clock ahead does not stop the removal', async (t) => {
  const { uri, sessions } = await database(t)
  await seed(sessions)
  const tomorrow = new Date(Date.now() + 86_400_000)
  await sessions.insertOne({ _id: { autoRemove: '' }, until: tomorrow })
  openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 50 })
  await until(async () => (await count(sessions, 'old')) === 0, 'the removal')
})
