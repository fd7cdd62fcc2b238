// The option `indexes`: which values a function may return, and in which order they are; which names there may be.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import { MongoSessionStore } from '../index.mjs'
import { PATIENT, failure, load, newSession, onBothEngines } from './support.mjs'

const sids = (entries) => entries.map(({ sid }) => sid)

const ID = new ObjectId()
const NOON = new Date('2026-01-01T12:00:00Z')

onBothEngines(test, 'values of every kind are found, and come and go', async (t, open) => {
  let value
  const store = open({ indexes: { v: () => value } })
  const values = ['', 'a.b', '$where', '$$REMOVE', '\0', 'ä😀', 'x'.repeat(1024), 0, -0, -5, 5.5, 2 ** 40, 1e300, true, false, NOON, new Date(0), ID] // prettier-ignore
  for (const each of values) {
    value = each
    await store.set('sid', newSession())
    assert.deepEqual(sids(await store.find({ v: { $eq: each } })), ['sid'], String(each))
    assert.equal(await store.count({ v: null }), 0)
    for (const nothing of [undefined, null]) {
      value = nothing
      await store.set('sid', newSession())
      assert.equal(await store.count({ v: { $eq: each } }), 0)
      assert.equal(await store.count({ v: null }), 1)
    }
  }
  // Of a session that was loaded, by what differs from what the document says.
  const session = await load(store)
  for (const each of [...values, undefined]) {
    value = each
    session.n = (session.n ?? 0) + 1
    session['a.b'] = session.n % 2
    await store.set('sid', session)
    assert.equal(await store.count({ v: { $exists: true } }), each === undefined ? 0 : 1)
    if (each !== undefined) assert.equal(await store.count({ v: { $eq: each } }), 1, String(each))
  }
})

onBothEngines(test, 'a value of any other kind is refused and says what came', async (t, open) => {
  let value = 'acme'
  const store = open({ indexes: { tenant: () => value } })
  await store.set('sid', newSession({ n: 1 }))
  const session = await load(store)
  session.n = 2
  for (const [each, message] of [
    [NaN, /got NaN$/],
    [Infinity, /got Infinity$/],
    [5n, /got a bigint$/],
    [{}, /got an object$/],
    [{ $ne: null }, /got an object$/],
    [['acme'], /got an array$/],
    [new Date(NaN), /got an object of the type Date$/],
    ['\ud800', /a string with a lone surrogate$/],
    ['x'.repeat(1025), /got a string of 1025 bytes$/],
    [Buffer.from('a'), /got an object of the type Uint8Array$/],
    [Promise.reject(new Error('later')), /got a promise$/],
    [() => 'acme', /got a function$/],
    [Symbol('acme'), /got a symbol$/],
  ]) {
    value = each
    const error = await failure(store.set('sid', session))
    assert.ok(error instanceof TypeError, error.stack)
    assert.equal(error.code, 'ERR_STORE_OPTION')
    assert.match(error.message, /^option 'indexes\.tenant' must return /)
    assert.match(error.message, message)
  }
  assert.equal((await store.get('sid')).n, 1)
  value = 'acme'
  await store.set('sid', session)
  assert.equal((await store.get('sid')).n, 2)
})

onBothEngines(
  test,
  'a function that throws fails the save, and nothing is lost',
  async (t, open) => {
    let fails = false
    const tenant = ({ tenant }) => {
      if (fails) throw new Error('secret-of-ada')
      return tenant
    }
    const store = open({ indexes: { tenant } })
    await store.set('sid', newSession({ tenant: 'acme', n: 1 }))
    const session = await load(store)
    session.n = 2
    session.tenant = 'other'
    fails = true
    const error = await failure(store.set('sid', session))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.equal(error.message, "the option 'indexes.tenant' failed")
    assert.equal(error.cause.message, 'secret-of-ada')
    assert.equal((await store.get('sid')).n, 1)
    assert.deepEqual(sids(await store.find({ tenant: 'acme' })), ['sid'])
    fails = false
    await store.set('sid', session)
    assert.equal((await store.get('sid')).n, 2)
    assert.deepEqual(sids(await store.find({ tenant: 'other' })), ['sid'])
  },
)

test('names that cannot be ones are refused at construction, by name', () => {
  const own = ['_id', 'session', 'expires', 'deleted', 'userId', 'userSince', 'handle', 'lastSeenAt', 'createdAt', 'updatedAt', 'renewedTo', 'renewedUntil', 'renewedFrom', 'bigint', 'indexes'] // prettier-ignore
  const open = (indexes, more) => () =>
    new MongoSessionStore({ uri: 'memory:', indexes, ...more }).close()
  const refusal = (text) => (error) => {
    assert.ok(error instanceof TypeError)
    assert.equal(error.code, 'ERR_STORE_OPTION')
    assert.ok(error.message.includes(text), error.message)
    return true
  }
  for (const name of [...own, '', 'a.b', '$a', 'a\0b']) {
    assert.throws(open({ [name]: () => 1 }), refusal(`'indexes.${name}'`))
  }
  assert.throws(open({ gone: () => 1 }, { fields: { deleted: 'gone' } }), refusal("'indexes.gone'"))
  assert.throws(open({}, { fields: { session: 'indexes' } }), refusal("'fields.session'"))
  assert.throws(
    open({ a: 'tenant' }),
    refusal("option 'indexes.a' must be a function, got a string"),
  )
  assert.throws(open('tenant'), refusal("option 'indexes'"))
  for (const fine of [{}, { a: undefined }, { __proto__: null, 'ä ': () => 1, toJSON: () => 1 }]) {
    open(fine)()
  }
})

onBothEngines(test, 'a list is sorted by an index, in parts', async (t, open) => {
  const id = (digit) => new ObjectId(String(digit).repeat(24))
  const values = [
    undefined,
    -1.5,
    3,
    20,
    'B',
    'a',
    'b',
    id(1),
    id(2),
    false,
    true,
    new Date(0),
    NOON,
  ]
  const store = open({ ...PATIENT, indexes: { v: ({ n }) => values[n] } })
  const expected = []
  for (const n of values.keys()) {
    for (const part of ['a', 'b', 'c']) {
      const sid = `${part}${values.length - n}`
      expected.push([n, sid])
      await store.set(sid, newSession({ n }, 3_600_000))
    }
  }
  expected.sort(([n, a], [m, b]) => n - m || (a < b ? -1 : 1))
  const ordered = expected.map(([, sid]) => sid)
  for (const [direction, wanted] of [
    [1, ordered],
    [-1, ordered.toReversed()],
  ]) {
    const sort = { v: direction }
    assert.deepEqual(sids(await store.find({}, { sort })), wanted)
    for (const limit of [1, 2, 5, 38]) {
      const found = []
      let after
      do {
        const part = await store.find({}, { sort, limit, after })
        found.push(...sids(part))
        after = part.next
      } while (after !== undefined)
      assert.deepEqual(found, wanted, `parts of ${limit}, ${direction}`)
    }
  }
  const some = await store.find({ v: { $gte: 3 } }, { sort: { v: -1 }, limit: 3 })
  assert.deepEqual(some.map(({ session }) => session.n), [3, 3, 3]) // prettier-ignore
})
