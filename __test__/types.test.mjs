import assert from 'node:assert/strict'
import test from 'node:test'
import vm from 'node:vm'
import { isDeepStrictEqual } from 'node:util'
import { BSON, Binary, Decimal128, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } from 'mongodb'
import { database, newSession, onBothEngines, openStore } from './support.mjs'

const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
]
const LARGEST = 2n ** 63n - 1n
const SMALLEST = -(2n ** 63n)

/** Each: what it is, the value, and its type in the database. What comes back is the same. */
const KEPT = [
  ['a string', 'text', 'string'],
  ['an empty string', '', 'string'],
  ['a string with NUL', 'a\0b', 'string'],
  ['a string of emoji', '👩‍👩‍👧 \u{10ffff}', 'string'],
  ['a string with a lone high surrogate', 'a\ud83db', 'string'],
  ['a string with a lone low surrogate', '\ude00', 'string'],
  ['a string with swapped surrogates', '\ude00\ud83d', 'string'],
  ['a string with U+FDD0', '\ufdd0d800 \ufdd0', 'string'],
  ['a string with quotes and controls', '"\\/\b\f\n\r\t\u0001\u2028\u2029\x7f', 'string'],
  ['true', true, 'bool'],
  ['false', false, 'bool'],
  ['null', null, 'null'],
  ['0', 0, 'int'],
  ['the largest int32', 2 ** 31 - 1, 'int'],
  ['the smallest int32', -(2 ** 31), 'int'],
  ['an integer beyond 32 bits', 2 ** 31, 'double'],
  ['a safe integer', Number.MAX_SAFE_INTEGER, 'double'],
  ['an unsafe integer', 2 ** 53 + 2, 'double'],
  ['a fraction', 0.1, 'double'],
  ['the largest number', Number.MAX_VALUE, 'double'],
  ['the smallest number', Number.MIN_VALUE, 'double'],
  ['-0', -0, 'double'],
  ['NaN', NaN, 'double'],
  ['Infinity', Infinity, 'double'],
  ['-Infinity', -Infinity, 'double'],
  ['a BigInt', 5n, 'long'],
  ['the largest BigInt', LARGEST, 'long'],
  ['the smallest BigInt', SMALLEST, 'long'],
  ['a Date', new Date('2023-11-29T03:27:55.254Z'), 'date'],
  ['a Date before 1970', new Date(-1), 'date'],
  ['the last Date', new Date(8.64e15), 'date'],
  ['the first Date', new Date(-8.64e15), 'date'],
  ['a Buffer', Buffer.from([0, 1, 254, 255]), 'binData'],
  ['an empty Buffer', Buffer.alloc(0), 'binData'],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer, 'binData'],
  ['a DataView', new DataView(new Uint8Array([1, 2, 3, 4]).buffer), 'binData'],
  ...TYPED_ARRAYS.map((Type) => [Type.name, Type.from([1, 2, 3, 100]), 'binData']),
  ['BigInt64Array', BigInt64Array.of(LARGEST, SMALLEST), 'binData'],
  ['BigUint64Array', BigUint64Array.of(0n, 2n ** 64n - 1n), 'binData'],
  ['a part of an array', new Float64Array([1, 2, 3]).subarray(1, 2), 'binData'],
  ['an ObjectId', new ObjectId('507f1f77bcf86cd799439011'), 'objectId'],
  ['a Decimal128', Decimal128.fromString('1.10'), 'decimal'],
  ['a UUID', new UUID('01234567-89ab-4def-8123-456789abcdef'), 'binData'],
  ['a Binary with a subtype', new Binary(Buffer.from('x'), 0x80), 'binData'],
  ['a Timestamp', new Timestamp({ t: 5, i: 7 }), 'timestamp'],
  ['a MinKey', new MinKey(), 'minKey'],
  ['a MaxKey', new MaxKey(), 'maxKey'],
  ['a RegExp', /a.b\/c/gi, 'regex'],
  ['an empty object', {}, 'object'],
  ['an empty array', [], 'array'],
  ['objects in arrays in objects', { a: [{ b: [{ c: [[], {}] }] }] }, 'object'],
  ['what looks like an update', { $set: { admin: true }, $unset: ['x'] }, 'object'],
  ['what looks like a query', { $ne: null, $where: 'sleep(1)' }, 'object'],
  ['what looks like an expression', { $literal: '$session', $function: {} }, 'object'],
  ['what looks like a field path', '$session.cookie', 'string'],
  ['what looks like extended JSON', { $date: '2020-01-01T00:00:00Z' }, 'object'],
  ['what looks like an ObjectId', { $oid: '507f1f77bcf86cd799439011' }, 'object'],
  ['what calls itself a BSON type', { _bsontype: 'ObjectId', id: 'x' }, 'object'],
  ['what looks like a long', { $numberLong: '5' }, 'object'],
  ['what looks like a reference', { $ref: 'sessions', $id: 1, $db: 'admin' }, 'object'],
]

for (const [what, value, type] of KEPT) {
  onBothEngines(test, `${what} keeps its type and value`, async (t, open, { sessions }) => {
    const store = open()
    const data = { top: value, nested: { list: [null, value, 'after'], value }, after: 1 }
    await store.set('sid', newSession(data))
    const { cookie, ...read } = await store.get('sid')
    assert.deepStrictEqual(read, data)
    assert.ok(cookie.expires instanceof Date)
    if (!sessions) return
    for (const path of ['session.top', 'session.nested.value']) {
      assert.equal(await typeOf(sessions, path), type, path)
    }
  })
}

/** MongoDB's own name for the type of a field. */
async function typeOf(sessions, path) {
  const [{ type }] = await sessions
    .aggregate([{ $project: { type: { $type: `$${path}` } } }])
    .toArray()
  return type
}

test('the official driver reads the values as they were', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const readable = KEPT.filter(([, value]) => driverKeeps(value))
  assert.ok(readable.length > 30)
  const data = Object.fromEntries(readable.map(([what, value]) => [what, value]))
  await store.set('sid', newSession({ data }))
  const { session } = await sessions.findOne({ _id: 'sid' }, { useBigInt64: true })
  assert.deepStrictEqual(session.data, data)
})

test('values written by the official driver are read as they were', async (t) => {
  const { uri, sessions } = await database(t)
  const readable = KEPT.filter(([, value]) => driverKeeps(value))
  const data = Object.fromEntries(readable.map(([what, value]) => [what, value]))
  await sessions.insertOne({ _id: 'sid', session: { cookie: {}, data } })
  assert.deepStrictEqual((await openStore(t, { uri }).get('sid')).data, data)
})

/** What the driver brings back as it was. A Buffer it reads as its own Binary. */
function driverKeeps(value) {
  // The store writes U+FDD0 as an escape, and reads it as one.
  if (typeof value === 'string' && value.includes('\ufdd0')) return false
  // An int64 that the store did not write is a number or a Long, see int64.test.mjs.
  if (typeof value === 'bigint') return false
  const options = { useBigInt64: true }
  try {
    const { v } = BSON.deserialize(BSON.serialize({ v: value }), options)
    return isDeepStrictEqual(v, value)
  } catch {
    return false
  }
}

test('binary values have the bytes and the generic subtype that the driver gives', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ buffer: Buffer.from('abc') }))
  const { session } = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(session.buffer, new Binary(Buffer.from('abc'), 0))
})

test('a Long is stored as a 64-bit integer and read as a Long', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ long: Long.fromString('9007199254740993') }))
  assert.equal(await typeOf(sessions, 'session.long'), 'long')
  const { long } = await store.get('sid')
  assert.deepEqual([long._bsontype, long.toString()], ['Long', '9007199254740993'])
})

test('what only other programs store is read without harm', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertMany([
    { _id: 'regex', session: { cookie: {}, v: new BSON.BSONRegExp('(?i)[', 'x') } },
    { _id: 'odd', session: { cookie: {}, v: new Binary(Buffer.from('abc'), 0xe5) } },
    { _id: 'late', session: { cookie: {}, v: Long.MAX_VALUE } },
    { _id: 'code', session: { cookie: {}, v: new BSON.Code('x', { y: 1 }) } },
    { _id: 'symbol', session: { cookie: {}, v: new BSON.BSONSymbol('x') } },
    { _id: 'fine', session: { cookie: {}, v: 'fine' } },
  ])
  await sessions.updateOne({ _id: 'late' }, [{ $set: { 'session.v': { $toDate: '$session.v' } } }])
  const store = openStore(t, { uri })
  const sids = ['regex', 'odd', 'late', 'code', 'symbol', 'fine']
  const values = (await Promise.all(sids.map((sid) => store.get(sid)))).map(({ v }) => v)
  values[2] = String(values[2])
  assert.deepEqual(values, [
    new BSON.BSONRegExp('(?i)[', 'x'),
    new Binary(Buffer.from('abc'), 0xe5),
    'Invalid Date',
    new BSON.Code('x', { y: 1 }),
    'x',
    'fine',
  ])
})

onBothEngines(test, 'values of another realm are kept as well', async (t, open) => {
  const store = open()
  const foreign = vm.runInNewContext(`({
    date: new Date(5), bytes: new Uint8Array([1, 2]), floats: new Float64Array([1.5]),
    buffer: new Uint8Array([3]).buffer, list: [1, { a: -0 }], regex: /x/i, big: 5n,
    map: new Map([[1, 2]]), boxed: new Number(5), invalid: new Date(NaN),
  })`)
  await store.set('sid', newSession({ foreign }))
  assert.deepStrictEqual((await store.get('sid')).foreign, {
    date: new Date(5),
    bytes: new Uint8Array([1, 2]),
    floats: new Float64Array([1.5]),
    buffer: new Uint8Array([3]).buffer,
    list: [1, { a: -0 }],
    regex: /x/i,
    big: 5n,
    map: {},
    boxed: 5,
    invalid: null,
  })
})
