// find and destroyMany: which sessions a filter means, on both engines the same.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PATHS, VALUES, filtersOn } from './filter-table.mjs'
import { PATIENT, database, failure, newSession, onBothEngines, openStore } from './support.mjs'

const sids = (entries) => entries.map(({ sid }) => sid)
test('a filter means the same to both engines, and to the official driver', async (t) => {
  const { uri, sessions } = await database(t)
  const mongo = openStore(t, { uri, ...PATIENT })
  const memory = openStore(t, { uri: 'memory:', ...PATIENT })
  const sid = (n) => String(n).padStart(3, '0')
  // Thousands of calls follow, in which no session is to expire.
  const lasting = (data) => newSession(data, 3_600_000)
  for (const [n, v] of VALUES.entries()) {
    await Promise.all([mongo, memory].map((store) => store.set(sid(n), lasting({ v }))))
  }
  await Promise.all([mongo, memory].map((store) => store.set('none', lasting())))
  let count = 0
  for (const path of PATHS) {
    const filters = [...filtersOn(path)]
    const found = await Promise.all(
      filters.map((filter) => Promise.all([mongo.find(filter), memory.find(filter)])),
    )
    for (const [n, [real, embedded]] of found.entries()) {
      assert.deepEqual(sids(embedded), sids(real), `filter ${n} on ${path}`)
      count += real.length
    }
  }
  assert.ok(count > 1000, `${count} matches`)
  // A list is $in, and a value $eq: as the driver has it.
  const driver = async (query) => (await sessions.find(query).sort({ _id: 1 }).toArray()).map(({ _id }) => _id) // prettier-ignore
  assert.deepEqual(sids(await mongo.find({ 'v.a': 1 })), await driver({ 'session.v.a': 1 }))
  assert.deepEqual(
    sids(await mongo.find({ v: ['a', 1] })),
    await driver({ 'session.v': { $in: ['a', 1] } }),
  )
})

onBothEngines(test, 'all conditions have to be met', async (t, open) => {
  const store = open()
  const people = { ada: ['admin', 40], bob: ['editor', 30], eve: ['editor', 50] }
  for (const [name, [role, age]] of Object.entries(people)) {
    await store.set(name, newSession({ user: { name, role, age } }))
  }
  assert.deepEqual(sids(await store.find({ 'user.role': 'editor' })), ['bob', 'eve'])
  assert.deepEqual(sids(await store.find({ 'user.role': 'editor', 'user.age': { $gt: 30 } })), ['eve']) // prettier-ignore
  assert.deepEqual(sids(await store.find({ 'user.name': ['ada', 'eve', 'nobody'] })), ['ada', 'eve']) // prettier-ignore
  assert.deepEqual(sids(await store.find({ user: { name: 'ada', role: 'admin', age: 40 } })), ['ada']) // prettier-ignore
  assert.deepEqual(sids(await store.find({})), ['ada', 'bob', 'eve'])
  assert.deepEqual(await store.find({ 'user.role': 'nobody' }), [])
})

onBothEngines(test, 'destroyMany destroys what matches, and answers how many', async (t, open) => {
  const store = open({ prefix: 'app:' })
  for (const n of [1, 2, 3, 4]) await store.set(`sid${n}`, newSession({ n }))
  await store.set('expired', newSession({ n: 9 }, -1000))
  assert.equal(await store.destroyMany({ n: { $gt: 2 } }), 3)
  assert.deepEqual(await store.ids(), ['sid1', 'sid2'])
  assert.equal(await store.destroyMany({ n: { $gt: 2 } }), 0)
  assert.equal(await store.destroyMany({}), 2)
  assert.equal(await store.length(), 0)
})

onBothEngines(test, 'with delete flags destroyMany flags what matches', async (t, open) => {
  const store = open({ deleteFlags: true })
  for (const n of [1, 2]) await store.set(`sid${n}`, newSession({ n }))
  assert.equal(await store.destroyMany({ n: 1 }), 1)
  assert.equal(await store.destroyMany({ n: 1 }), 0)
  await store.set('sid1', newSession({ n: 1 }))
  assert.deepEqual(await store.ids(), ['sid2'])
  assert.equal(await store.cleanup(), 1)
})

test('destroyMany removes nothing that is no session or has another prefix', async (t) => {
  const { uri, sessions } = await database(t)
  const others = [
    { _id: 'b:sid', session: { n: 1 } },
    { _id: 'a:text', session: 'n' },
    { _id: 'a:list', session: [{ n: 1 }] },
    { _id: 'a:none', n: 1 },
  ]
  await sessions.insertMany([{ _id: 'a:sid', session: { n: 1 } }, ...others])
  const store = openStore(t, { uri, prefix: 'a:' })
  assert.equal(await store.destroyMany({ n: 1 }), 1)
  assert.equal(await store.destroyMany({}), 0)
  assert.equal(await sessions.countDocuments(), others.length)
})

onBothEngines(
  test,
  'destroyMany sees what was called before it and nothing later',
  async (t, open) => {
    const store = open()
    const before = [1, 2, 3].map((n) => store.set(`sid${n}`, newSession({ n })))
    const destroyed = store.destroyMany({ n: { $exists: true } })
    const later = store.set('sid4', newSession({ n: 4 }))
    await Promise.all([...before, later])
    assert.equal(await destroyed, 3)
    assert.deepEqual(await store.ids(), ['sid4'])
  },
)

/** Each: a filter that is refused, and what the message names. */
const REFUSED = [
  [{ $where: 'sleep(1000)' }, /\$where/],
  [{ $or: [{ a: 1 }] }, /\$or/],
  [{ $expr: true }, /\$expr/],
  [{ a: { $regex: 'x' } }, /\$regex/],
  [{ a: { $not: { $gt: 1 } } }, /\$not/],
  [{ a: { $elemMatch: { b: 1 } } }, /\$elemMatch/],
  [{ a: { $gt: 1, b: 2 } }, /both/],
  [{ '': 1 }, /empty/],
  [{ 'a..b': 1 }, /empty/],
  [{ 'a.$b': 1 }, /'\$'/],
  [{ a: /x/ }, /regular expression/],
  [{ a: { $in: [/x/] } }, /regular expression/],
  [{ a: { $in: 'x' } }, /\$in/],
  [{ a: { $exists: 1 } }, /\$exists/],
  [{ a: { $gt: null } }, /\$gt/],
  [{ a: { $lte: [1] } }, /\$lte/],
  [{ a: [{ $ne: 1 }] }, /\$eq/],
  [{ a: undefined }, /undefined/],
  [{ a: { $eq: undefined } }, /undefined/],
  [{ a: { $gte: 1, $lt: undefined } }, /undefined/],
  [{ a: [undefined] }, /undefined/],
  [{ a: { $in: [1, undefined] } }, /undefined/],
  [{ a: new Array(3) }, /undefined/],
  [{ a: () => true }, /function/],
  [{ a: Symbol('x') }, /symbol/],
  [{ a: new Date(NaN) }, /invalid date/],
  [{ a: { $gte: new Date(NaN) } }, /invalid date/],
  [{ a: { $ne: new Date(NaN) } }, /invalid date/],
  [{ a: { $in: [1, new Date(NaN)] } }, /invalid date/],
  [{ a: [new Date(NaN)] }, /invalid date/],
  [{ a: { toJSON: () => null } }, /invalid date/],
]

onBothEngines(
  test,
  'a filter that cannot be used is a TypeError that says why',
  async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ a: 1 }))
    for (const [filter, message] of REFUSED) {
      for (const call of [
        store.find(filter),
        store.destroyMany(filter),
        store.scan({ filter }).next(),
      ]) {
        const error = await failure(call)
        assert.ok(error instanceof TypeError, error.stack)
        assert.equal(error.code, 'ERR_STORE_FILTER')
        assert.match(error.message, message)
      }
    }
    for (const filter of [
      undefined,
      null,
      5,
      'a',
      [],
      new Map([['a', 2]]),
      new Date(),
      () => ({}),
    ]) {
      for (const call of [store.find(filter), store.destroyMany(filter)]) {
        const error = await failure(call)
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
      }
    }
    assert.equal(await store.length(), 1)
  },
)

onBothEngines(test, 'a value from outside is a value below $eq', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ name: 'ada' }))
  const body = JSON.parse('{ "name": { "$ne": "" } }')
  assert.deepEqual(await store.find({ name: { $eq: body.name } }), [])
  assert.equal(await store.destroyMany({ name: { $eq: body.name } }), 0)
  assert.deepEqual(sids(await store.find({ name: { $eq: 'ada' } })), ['sid'])
})

for (const [option, value] of [
  ['stringify', true],
  ['cryptoAdapter', { encrypt: (text) => `!${text}`, decrypt: (text) => text.slice(1) }],
]) {
  onBothEngines(test, `with ${option} only the filter of all sessions is one`, async (t, open) => {
    const store = open({ [option]: value })
    for (const n of [1, 2]) await store.set(`sid${n}`, newSession({ n }))
    for (const call of [store.find({ n: 1 }), store.destroyMany({ n: 1 })]) {
      const error = await failure(call)
      assert.equal(error.code, 'ERR_STORE_FILTER')
      assert.ok(error.message.includes(`'${option}'`), error.message)
    }
    assert.deepEqual(sids(await store.find({})), ['sid1', 'sid2'])
    assert.equal((await store.find({}))[1].session.n, 2)
    assert.equal(await store.destroyMany({}), 2)
    assert.equal(await store.length(), 0)
  })
}

onBothEngines(test, 'the fields of what serialize makes can be looked for', async (t, open) => {
  const store = open({
    serialize: ({ cookie, n }) => ({ cookie, packed: { n } }),
    unserialize: ({ cookie, packed: { n } }) => ({ cookie, n }),
  })
  for (const n of [1, 2]) await store.set(`sid${n}`, newSession({ n }))
  const [{ sid, session }] = await store.find({ 'packed.n': 2 })
  assert.deepEqual([sid, session.n], ['sid2', 2])
})

test('own names of the fields are those that lists and removals use', async (t) => {
  const { uri, sessions } = await database(t)
  const fields = { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' }
  const store = openStore(t, {
    uri,
    fields,
    prefix: 'a:',
    userId: ({ user }) => user,
    maxPerUser: 2,
  })
  for (const n of [1, 2, 3]) {
    await store.set(`sid${n}`, newSession({ n, user: 'ada' }))
    await store.set(`sid${n}`, newSession({ n, user: 'ada' }))
  }
  assert.deepEqual(await store.ids(), ['sid2', 'sid3'])
  assert.deepEqual(sids(await store.find({ n: { $gte: 3 } })), ['sid3'])
  assert.equal(await store.destroyMany({ n: 3 }), 1)
  assert.equal(await store.destroyByUser('ada', { except: 'sid3' }), 1)
  assert.equal(await sessions.countDocuments(), 0)
})

onBothEngines(test, 'encrypted sessions cannot be found by what they hold', async (t, open) => {
  const store = open({ encryption: { keys: [Buffer.alloc(32, 7)] } })
  await store.set('sid', newSession({ n: 1 }))
  for (const call of [
    store.find({ n: 1 }),
    store.destroyMany({ n: 1 }),
    store.scan({ filter: { n: 1 } }).next(),
  ]) {
    const error = await failure(call)
    assert.equal(error.code, 'ERR_STORE_FILTER')
    assert.match(error.message, /'encryption'/)
  }
  assert.deepEqual(sids(await store.find({})), ['sid'])
  assert.equal(await store.destroyMany({}), 1)
})

test('a text in the place of a session meets no filter', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri, stringify: true }).set('text', newSession({ role: 'admin' }))
  const store = openStore(t, { uri })
  await store.set('document', newSession({ role: 'guest' }))
  for (const filter of [
    { role: { $ne: 'admin' } },
    { role: { $nin: ['admin'] } },
    { other: null },
    { other: { $exists: false } },
  ]) {
    assert.deepEqual(sids(await store.find(filter)), ['document'])
  }
  assert.equal(await store.destroyMany({ role: { $ne: 'x' } }), 1)
  assert.deepEqual(await store.ids(), ['text'])
})
