// 64-bit integers in the database: numbers in JavaScript where they are exact, and still what they were in
// the database. A BigInt of the application is a BigInt.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Long } from 'mongodb'
import { database, load, newSession, onBothEngines, openStore, runProgram } from './support.mjs'

const BIG = Long.fromString('9007199254740993')
const FOREIGN = {
  views: Long.fromNumber(5),
  big: BIG,
  deep: [{ at: Long.fromNumber(2 ** 40) }],
  n: 1,
}

/** The stored session, in which int64s are BigInts and nothing else is. */
async function storedIn(sessions) {
  const { session } = await sessions.findOne({ _id: 'sid' }, { useBigInt64: true })
  const { cookie: _, ...data } = session
  return data
}

/** Sessions that are written as they are, and field by field. */
const SIZES = { small: {}, large: { filling: 'x'.repeat(5000) } }

for (const [size, filling] of Object.entries(SIZES)) {
  test(`an int64 that another program stored is a number, and stays an int64: ${size}`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri })
    await sessions.insertOne({ _id: 'sid', session: newSession({ ...FOREIGN, ...filling }) })
    const session = await load(store)
    assert.strictEqual(session.views, 5)
    assert.deepEqual(session.big, BIG)
    assert.strictEqual(session.deep[0].at, 2 ** 40)
    // As express-session does at every request.
    JSON.stringify(session)
    session.deep.push('more')
    for (const n of [2, 3]) {
      session.n = n
      await store.set('sid', session)
      assert.deepEqual(await storedIn(sessions), {
        ...filling,
        views: 5n,
        big: 9007199254740993n,
        deep: [{ at: 2n ** 40n }, 'more'],
        n,
      })
    }
    session.deep.push('again')
    session.views++
    await store.set('sid', session)
    const { views, deep } = await storedIn(sessions)
    assert.deepEqual([views, deep], [6, [{ at: 2n ** 40n }, 'more', 'again']])
  })
}

test('an int64 stays one where whole sessions are written, and where they are plain objects', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, save: 'replace' })
  await sessions.insertOne({ _id: 'sid', session: newSession(FOREIGN) })
  const session = await load(store)
  session.n = 2
  await store.set('sid', session)
  assert.strictEqual((await storedIn(sessions)).views, 5n)
  const [plain] = await store.all()
  plain.n = 3
  await store.set('sid', plain)
  assert.deepEqual(await storedIn(sessions), {
    views: 5n,
    big: 9007199254740993n,
    deep: [{ at: 2n ** 40n }],
    n: 3,
  })
})

onBothEngines(
  test,
  'a Long comes back as a number, or as a Long where that is not exact',
  async (t, open) => {
    const store = open()
    const min = Long.MIN_VALUE
    await store.set(
      'sid',
      newSession({ small: Long.fromNumber(-7), big: BIG, min, edge: Long.fromNumber(2 ** 53) }),
    )
    const { small, big, min: least, edge } = await store.get('sid')
    assert.strictEqual(small, -7)
    assert.strictEqual(edge, 2 ** 53)
    assert.deepEqual([big, least], [BIG, min])
  },
)

onBothEngines(
  test,
  'a BigInt comes back as a BigInt, whoever saves what beside it',
  async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ own: 5n, list: [-(2n ** 63n)] }))
    const session = await load(store)
    assert.deepEqual([session.own, session.list], [5n, [-(2n ** 63n)]])
    session.more = 1
    await store.set('sid', session)
    session.own++
    await store.set('sid', session)
    const read = await store.get('sid')
    assert.deepEqual([read.own, read.list], [6n, [-(2n ** 63n)]])
  },
)

test('a BigInt is a plain int64 in the database, and a BigInt in another process', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ own: 5n }))
  assert.strictEqual((await storedIn(sessions)).own, 5n)
  assert.strictEqual((await sessions.findOne({ _id: 'sid' })).bigint, true)
  const { stdout } = await runProgram(`
    const store = new MongoSessionStore({ uri: ${JSON.stringify(uri)} })
    const { own } = await store.get('sid')
    console.log(typeof own, String(own))
    await store.close()
  `)
  assert.equal(stdout.trim(), 'bigint 5')
})

test('a document without a BigInt has no field for it', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ long: Long.fromNumber(5), bigint: 'bigint' }))
  assert.deepEqual(Object.keys(await sessions.findOne({ _id: 'sid' })), [
    '_id',
    'expires',
    'session',
  ])
})
