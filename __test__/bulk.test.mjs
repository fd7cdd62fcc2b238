import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import {
  PATIENT,
  connected,
  database,
  newSession,
  onBothEngines,
  openStore,
  until,
} from './support.mjs'

const names = (sessions) => sessions.map(({ name }) => name).sort()

onBothEngines(test, 'an empty store has no sessions', async (t, open) => {
  const store = open()
  assert.deepEqual(await store.all(), [])
  assert.equal(await store.length(), 0)
  assert.equal(await store.clear(), undefined)
})

onBothEngines(test, 'all answers sessions as get does', async (t, open) => {
  const store = open()
  await store.set('a', newSession({ name: 'ada', since: new Date(0), raw: Buffer.from('x') }))
  assert.deepEqual(await store.all(), [await store.get('a')])
})

onBothEngines(test, 'thousands of sessions are listed, counted and cleared', async (t, open) => {
  const store = open(PATIENT)
  const count = 5000
  const numbers = Array.from({ length: count }, (_, n) => n)
  await Promise.all(numbers.map((n) => store.set(`sid${n}`, newSession({ n, at: new Date(n) }))))
  assert.equal(await store.length(), count)
  const sessions = await store.all()
  assert.equal(sessions.length, count)
  assert.deepEqual(
    sessions.map(({ n }) => n).sort((a, b) => a - b),
    numbers,
  )
  assert.ok(sessions.every(({ n, at }) => at.getTime() === n))
  await store.clear()
  assert.equal(await store.length(), 0)
  assert.deepEqual(await store.all(), [])
  assert.equal(await store.get('sid0'), null)
})

onBothEngines(test, 'sessions larger than a reply are listed', async (t, open) => {
  const store = open(PATIENT)
  const large = 'x'.repeat(5_000_000)
  for (let n = 0; n < 5; n++) await store.set(`sid${n}`, newSession({ n, large }))
  const sessions = await store.all()
  assert.equal(sessions.length, 5)
  assert.ok(sessions.every((session) => session.large === large))
  const got = await Promise.all(sessions.map(({ n }) => store.get(`sid${n}`)))
  assert.deepEqual(
    got.map(({ n }) => n),
    sessions.map(({ n }) => n),
  )
})

for (const prefix of ['app:', 'a.b', '$', '.*', '(', '\\', 'a\0', 'é', '\u{ffff}', '\u{10ffff}']) {
  test(`the prefix ${JSON.stringify(prefix)} keeps to its own sessions`, async (t) => {
    const { uri, sessions } = await database(t)
    const ours = openStore(t, { uri, prefix })
    const shorter = [...prefix].slice(0, -1).join('')
    const others = ['', 'b', shorter, `${shorter}~`, `x${prefix}`]
    const before = others.map((other, index) => ({
      _id: `${other}other${index}`,
      expires: new Date(Date.now() + 60_000),
      session: { cookie: {}, name: 'other' },
    }))
    await sessions.insertMany(before)
    await ours.set('one', newSession({ name: 'one' }))
    await ours.set('', newSession({ name: 'empty' }))
    await ours.set('expired', newSession({}, -1))
    assert.ok(await sessions.findOne({ _id: `${prefix}one` }))
    assert.deepEqual(names(await ours.all()), ['empty', 'one'])
    assert.equal(await ours.length(), 2)
    assert.equal(await ours.get('other0'), null)
    await ours.clear()
    assert.equal(await ours.length(), 0)
    assert.deepEqual(await sessions.find().sort({ _id: 1 }).toArray(), byId(before))
  })
}

// As MongoDB compares strings: by their UTF-8.
const byId = (documents) => documents.sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
const bytes = ({ _id }) => Buffer.from(_id)

test('several prefixes share a collection', async (t) => {
  const { uri } = await database(t)
  const [a, b, both] = ['a:', 'b:', ''].map((prefix) => openStore(t, { uri, prefix }))
  await Promise.all([
    a.set('sid', newSession({ name: 'a' })),
    b.set('sid', newSession({ name: 'b' })),
  ])
  assert.equal((await a.get('sid')).name, 'a')
  assert.equal((await b.get('sid')).name, 'b')
  assert.deepEqual(names(await both.all()), ['a', 'b'])
  await a.destroy('sid')
  assert.equal(await a.get('sid'), null)
  await b.touch('sid', newSession({}, 600_000))
  await a.clear()
  assert.equal((await b.get('sid')).name, 'b')
})

test('documents that are no sessions are neither listed nor counted', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + 60_000)
  await sessions.insertMany([
    { _id: 'none' },
    { _id: 'text', expires, session: 'text' },
    { _id: 'array', expires, session: [{}] },
    { _id: new ObjectId(), expires, session: { cookie: {}, name: 'ObjectId' } },
    { _id: 5, expires, session: { cookie: {}, name: 'number' } },
    { _id: 'json', expires, session: '{"cookie":{},"name":"json"}' },
    { _id: 'sid', expires, session: { cookie: {}, name: 'ours' } },
  ])
  const store = openStore(t, { uri })
  assert.deepEqual(names(await store.all()), ['json', 'ours'])
  assert.equal(await store.length(), 2)
})

test('clear deletes expired sessions and leaves documents with other ids alone', async (t) => {
  const { uri, sessions } = await database(t)
  const foreign = { _id: new ObjectId(), important: true }
  await sessions.insertOne(foreign)
  const store = openStore(t, { uri })
  await store.set('live', newSession())
  await store.set('expired', newSession({}, -1))
  await store.clear()
  assert.deepEqual(await sessions.find().toArray(), [foreign])
})

test('clear keeps the indexes', async (t) => {
  const { uri, sessions } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await sessions.createIndex({ 'session.user': 1 })
  await until(async () => (await sessions.indexes()).length === 3, 'the TTL index')
  const before = await sessions.indexes()
  await store.set('sid', newSession())
  await store.clear()
  assert.deepEqual(await sessions.indexes(), before)
})
