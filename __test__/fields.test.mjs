// Other names for the fields of the stored document, and what its moment says.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import { database, failure, load, newSession, onBothEngines, openStore, until } from './support.mjs'

const FIELDS = { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' }

/** What an index is about, by its name. */
async function indexes(sessions) {
  const list = await sessions.indexes().catch(() => [])
  return Object.fromEntries(list.map(({ name, v: _v, ...index }) => [name, index]))
}

test('a document has the fields that the option names', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, fields: FIELDS, prefix: 'app:' })
  const session = newSession({ n: 1 })
  await store.set('sid', session)
  const { _id, ...document } = await sessions.findOne()
  assert.ok(_id instanceof ObjectId)
  assert.deepEqual(document, {
    sid: 'app:sid',
    until: session.cookie._expires,
    data: session,
  })
})

test('there are indexes on these fields', async (t) => {
  const { uri, sessions } = await database(t)
  openStore(t, { uri, fields: FIELDS, expireAfter: 90_000 })
  const created = await until(async () => {
    const found = await indexes(sessions)
    return found.sid_1 && found.until_1 && found
  }, 'the indexes')
  assert.deepEqual(created.sid_1, { key: { sid: 1 }, unique: true })
  assert.deepEqual(created.until_1, { key: { until: 1 }, expireAfterSeconds: 90 })
})

onBothEngines(test, 'every method works on other fields', async (t, open) => {
  const store = open({ fields: FIELDS, prefix: 'app:' })
  const other = open({ fields: FIELDS, prefix: 'other:' })
  await store.set('one', newSession({ n: 1 }))
  await store.set('two', newSession({ n: 2 }))
  await other.set('one', newSession({ n: 3 }))
  assert.equal((await store.get('one')).n, 1)
  assert.equal(await store.length(), 2)
  assert.deepEqual((await store.all()).map(({ n }) => n).toSorted(), [1, 2])
  const session = await load(store, 'one')
  session.more = true
  await store.set('one', session)
  assert.equal((await store.get('one')).more, true)
  await store.touch('one', newSession({}, -1))
  assert.equal(await store.get('one'), null)
  assert.equal(await store.flagDeletion('two'), 1)
  assert.equal(await store.get('two'), null)
  assert.equal(await store.cleanup(), 1)
  await store.set('three', newSession())
  await store.destroy('three')
  assert.equal(await store.length(), 0)
  await store.clear()
  assert.equal(await other.length(), 1)
})

test('saves of one session from many stores create one document', async (t) => {
  const { uri, sessions } = await database(t)
  const stores = [0, 1, 2, 3].map(() => openStore(t, { uri, fields: FIELDS }))
  await until(async () => (await indexes(sessions)).sid_1, 'the index')
  for (let round = 0; round < 20; round++) {
    await Promise.all(stores.map((store) => store.set(`sid ${round}`, newSession())))
  }
  assert.equal(await sessions.countDocuments(), 20)
})

test('what was loaded is saved as a difference there, too', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, fields: FIELDS })
  await store.set('sid', newSession({ a: 1, gone: 1 }))
  const [one, two] = await Promise.all([load(store, 'sid'), load(store, 'sid')])
  one['a.b'] = 1
  delete two.gone
  await Promise.all([store.set('sid', one), store.set('sid', two)])
  const { cookie, ...data } = (await sessions.findOne()).data
  assert.ok(cookie)
  assert.deepEqual(data, { a: 1, 'a.b': 1 })
})

test('with lastAccess a document holds when its session was used last', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, fields: { lastAccess: 'used' }, ttl: 60_000 })
  const before = Date.now()
  // The cookie lives longer, and has no say.
  await store.set('sid', newSession({}, 3_600_000))
  const { used, expires } = await sessions.findOne()
  assert.equal(expires, undefined)
  assert.ok(used >= before && used <= Date.now())
  const index = await until(async () => (await indexes(sessions)).used_1, 'the index')
  assert.equal(index.expireAfterSeconds, 60)
  await sessions.updateOne({}, { $set: { used: new Date(Date.now() - 30_000) } })
  assert.ok(await store.get('sid'))
  assert.equal(await store.length(), 1)
  await store.touch('sid', newSession())
  assert.ok((await sessions.findOne()).used >= before)
  await sessions.updateOne({}, { $set: { used: new Date(Date.now() - 60_000) } })
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.length(), 0)
  assert.deepEqual(await store.all(), [])
})

test('with lastAccess and nobody who removes them sessions live for ever', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, fields: { lastAccess: 'used' }, autoRemove: 'disabled' })
  await store.set('sid', newSession({ n: 1 }))
  await sessions.updateOne({}, { $set: { used: new Date(0) } })
  assert.equal((await store.get('sid')).n, 1)
  await sessions.updateOne({}, { $unset: { used: 1 } })
  assert.equal((await store.get('sid')).n, 1)
})

test('expireAfter keeps documents of expired sessions that read as missing', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, expireAfter: 3_600_000 })
  await store.set('sid', newSession({}, -1))
  const index = await until(async () => (await indexes(sessions)).expires_1, 'the index')
  assert.equal(index.expireAfterSeconds, 3600)
  assert.equal(await store.get('sid'), null)
  assert.equal(await sessions.countDocuments(), 1)
})

test('an index on the id that cannot be created is a warning', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertMany([{ sid: 'the same' }, { sid: 'the same' }])
  const store = openStore(t, { uri, fields: { id: 'sid' } })
  const { value } = await until(() => store.events.find(({ name }) => name === 'warning'))
  assert.equal(value.code, 'ERR_STORE_INDEX')
  assert.match(value.message, /'sid_1'/)
  assert.ok(!value.message.includes('the same'))
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await store.get('sid')).n, 1)
})

test('names that cannot be are refused', async () => {
  const { MongoSessionStore } = await import('../index.mjs')
  for (const [fields, name] of [
    [{ id: 'a.b' }, 'fields.id'],
    [{ session: '' }, 'fields.session'],
    [{ expires: 'createdAt' }, 'fields.expires'],
    [{ lastAccess: 'a', expires: 'b' }, 'fields.lastAccess'],
    [{ sesion: 'a' }, 'fields.session'],
  ]) {
    assert.throws(() => new MongoSessionStore({ uri: 'memory:', fields }), {
      code: 'ERR_STORE_OPTION',
      message: new RegExp(`'${name}'`),
    })
  }
  const function_ = { uri: 'memory:', fields: { lastAccess: 'used' }, ttl: () => 5 }
  assert.throws(() => new MongoSessionStore(function_), /'ttl'/)
})

test('too large a session is refused before it is sent', async (t) => {
  const store = openStore(t, { uri: 'memory:', fields: FIELDS })
  const error = await failure(store.set('sid', newSession({ data: 'x'.repeat(17e6) })))
  assert.equal(error.code, 'ERR_STORE_TOO_LARGE')
})
