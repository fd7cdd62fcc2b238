// Session values that look like something else, lie, throw or never end: stored as what they are, or
// refused with an error; nothing else of the session, the store or the process is harmed.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import { PATIENT, failure, isLong, load, newSession, onBothEngines, openStore } from './support.mjs'

async function data(store) {
  const { cookie: _, ...rest } = await store.get('sid')
  return rest
}

/** What a query, an update, an aggregation or extended JSON would make something of. */
const LOOK_ALIKES = [
  '$session',
  '$$NOW',
  '$$ROOT',
  '$$REMOVE',
  '$$this.v',
  { $literal: 1 },
  { $add: [1, 2] },
  { $set: { admin: true } },
  { $unset: ['session'] },
  { $where: 'sleep(10000)' },
  { $function: { body: 'function () {}', args: [], lang: 'js' } },
  { $mergeObjects: ['$session', { admin: true }] },
  { $getField: 'expires' },
  { $date: '2020-01-01T00:00:00Z' },
  { $oid: '507f1f77bcf86cd799439011' },
  { $numberLong: '5' },
  { $numberDouble: 'NaN' },
  { $numberDecimal: '1' },
  { $binary: { base64: 'AA==', subType: '00' } },
  { $regularExpression: { pattern: 'a', options: '' } },
  { $timestamp: { t: 1, i: 1 } },
  { $minKey: 1 },
  { $undefined: true },
  { $code: 'f()', $scope: {} },
  { $ref: 'sessions', $id: 'sid' },
  { _bsontype: 'ObjectId', id: 'x'.repeat(12) },
  { type: 'Buffer', data: [1] },
  { __proto__: null, toString: 'no function', hasOwnProperty: 1, toJSON: 'none', toBSON: {} },
  ['$session', { '$a.b': '$$ROOT' }, []],
]

// Keys that no path can name, and more keys than are named by paths, make a save a pipeline.
const WAYS = {
  'keys that paths can name': {},
  'keys that no path can name': { 'a.b': 1, $c: 1, '': 1, $$this: 1, '.': 1 },
  'many keys': Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, 1])),
}

for (const [way, extra] of Object.entries(WAYS)) {
  onBothEngines(test, `a difference holds data and nothing else: ${way}`, async (t, open) => {
    const store = open()
    const before = Object.fromEntries(LOOK_ALIKES.map((_, index) => [`v${index}`, index]))
    const odd = Object.fromEntries(Object.keys(extra).map((key) => [key, '$session']))
    await store.set('sid', newSession({ ...before, ...odd, stays: '$$NOW' }))

    const changing = await load(store)
    for (const [index, value] of LOOK_ALIKES.entries()) changing[`v${index}`] = value
    for (const key of Object.keys(odd)) changing[key] = { [key]: { $literal: key } }
    await store.set('sid', changing)
    const changed = Object.fromEntries(LOOK_ALIKES.map((value, index) => [`v${index}`, value]))
    for (const key of Object.keys(odd)) changed[key] = { [key]: { $literal: key } }
    // Own properties and their order; prototypes are plain again.
    assert.equal(JSON.stringify(await data(store)), JSON.stringify({ ...changed, stays: '$$NOW' }))

    const removing = await load(store)
    for (const key of Object.keys(changed)) delete removing[key]
    await store.set('sid', removing)
    assert.deepEqual(await data(store), { stays: '$$NOW' })
  })
}

const POLLUTION =
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":{"a":1}}'

onBothEngines(test, 'keys of prototypes are keys at every level', async (t, open) => {
  const store = open()
  const hostile = (inner) =>
    JSON.parse(`{"__proto__":${inner},"constructor":${inner},"l":[${inner}]}`)
  const body = JSON.stringify(hostile(JSON.stringify(hostile(POLLUTION))))
  for (const at of ['null', '"x"', '5']) {
    // Once as plain JSON, and once with a date in each of its objects.
    for (const when of [undefined, new Date(5)]) {
      const revive = (key, value) =>
        value === null || typeof value !== 'object' || Array.isArray(value) || when === undefined
          ? value
          : Object.assign(value, { when })
      const session = JSON.parse(`{"cookie":{"path":"/"},"__proto__":${at},"body":${body}}`, revive)
      await store.set('sid', session)
      const read = await store.get('sid')
      delete read.cookie.expires
      assert.deepStrictEqual(read, session)
      assert.ok(Object.hasOwn(read, '__proto__'))
    }
  }
  assert.equal({}.polluted, undefined)
  assert.equal(Object.polluted, undefined)
})

class Liar {
  constructor(type, more) {
    Object.assign(this, { _bsontype: type, secret: 'hunter2' }, more)
  }
}

/** Each: what it is and a value that no session can hold. */
const REFUSED = [
  ['an unknown BSON type', new Liar('Evil')],
  ['an ObjectId without bytes', new Liar('ObjectId')],
  ['an ObjectId with too few bytes', new Liar('ObjectId', { id: new Uint8Array(3), toHexString: () => 'abc' })],
  ['a Decimal128 without bytes', new Liar('Decimal128')],
  ['a Binary without bytes', new Liar('Binary')],
  ['a regular expression of BSON with NUL', new Liar('BSONRegExp', { pattern: 'a\0', options: '' })],
  ['a type whose name throws', { get _bsontype() { throw new Error('no') } }],
  ['a regular expression with NUL', new RegExp(String.fromCharCode(0))],
  ['a regular expression with a lone surrogate', new RegExp('\ud800')],
  ['a regular expression with the flag u', /a/u],
  ['a regular expression with the flag y', /a/gy],
  ['a BigInt beyond 64 bits', 2n ** 64n],
  ['a Proxy that was revoked', revoked()],
  ['a Proxy whose traps throw', new Proxy({}, { ownKeys() { throw new Error('no') } })],
  ['a boxed number that throws', Object.assign(Object(1), { valueOf() { throw new Error('no') } })],
  ['toJSON that answers a cycle', { toJSON() { const own = {}; own.own = own; return own } }],
  ['toJSON that answers ever deeper', ever((inner) => ({ a: inner }))],
  ['toJSON that answers ever wider', ever((inner) => [inner, inner, inner])],
  ['toBSON that answers ever deeper', ever((inner) => ({ a: inner }), 'toBSON')],
  ['an array of the greatest length', Object.assign([], { length: 2 ** 32 - 1 })],
  ['a Buffer in a thousand places', Array(1000).fill(Buffer.alloc(1_000_000))],
  ['a Buffer that is too large', Buffer.alloc(17_000_000)],
] // prettier-ignore

/** Such whose text is refused once it has half a gigabyte, or as many steps, which takes seconds. */
const HUGE = [
  ['a string in a thousand places', Array(1000).fill('x'.repeat(1_000_000))],
  ['a string with a date in a thousand places', Array(1000).fill(['x'.repeat(1_000_000), new Date()])],
  ['control characters that JSON writes six times as long', '\u0001'.repeat(2 ** 27)],
  ['a diamond of 2^60 paths', diamond(60)],
  ['a diamond of 2^60 paths with a date', diamond(60, new Date())],
] // prettier-ignore

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** An object that answers another one like it, again and again. */
function ever(wrap, method = 'toJSON') {
  return { [method]: () => wrap(ever(wrap, method)) }
}

/** Objects each of which holds the next one twice. */
function diamond(levels, value = {}) {
  return levels === 0 ? value : { a: (value = diamond(levels - 1, value)), b: value }
}

/** A loaded session cannot have the value, and a new one neither, if that is to be tried (`both`). */
async function assertRefused(store, value, { both }) {
  await store.set('sid', newSession({ before: true }, 3_600_000))
  const fresh = newSession({ value })
  const loaded = Object.assign(await load(store), { value })
  for (const session of both ? [fresh, loaded] : [loaded]) {
    const error = await failure(store.set('sid', session))
    assert.ok(error instanceof Error)
    assert.doesNotMatch(error.message, /hunter2/)
  }
  assert.deepEqual(await data(store), { before: true })
  await store.set('other', newSession({ after: true }))
  assert.equal((await store.get('other')).after, true)
}

for (const [what, value] of isLong ? [...REFUSED, ...HUGE] : REFUSED) {
  onBothEngines(test, `refused, and nothing is changed: ${what}`, async (t, open) => {
    await assertRefused(open(), value, { both: true })
  })
}

// No engine gets to see them. One by its length, and one by its steps.
for (const [what, value] of isLong ? [] : [HUGE[0], HUGE.at(-1)]) {
  test(`refused, and nothing is changed: ${what} (memory)`, async (t) => {
    await assertRefused(openStore(t, { uri: 'memory:' }), value, { both: false })
  })
}

let reads = 0

/** Each: what it is, a value, what is stored. */
const STORED = [
  ['toJSON that answers the object itself', { a: 1, toJSON() { return this } }, { a: 1 }],
  ['toBSON that answers the object itself', { a: 1, toBSON() { return this } }, { a: 1 }],
  ['toJSON that is no function', { toJSON: 'text', toBSON: null }, { toJSON: 'text', toBSON: null }],
  ['toJSON that answers nothing', [{ toJSON() {} }], [null]],
  ['a getter that answers otherwise each time', { get a() { return ++reads } }, undefined],
  ['a Proxy of an object', new Proxy({ a: [1] }, {}), { a: [1] }],
  ['a Proxy of an array', new Proxy([1, { a: 2 }], {}), [1, { a: 2 }]],
  ['a Proxy that has only what it says', new Proxy({ a: 1, b: 2 }, { ownKeys: () => ['b'] }), { b: 2 }],
  ['a list with holes', Object.assign([], { 3: 'x' }), [null, null, null, 'x']],
  ['a list with further keys', Object.assign([1], { key: 2 }), [1]],
  ['a boxed number that answers itself', Object.assign(Object(5), { valueOf() { return this } }), 5],
  ['a boxed string that answers itself', Object.assign(Object('s'), { toString() { return 't' } }), 't'],
  ['a boxed symbol', [Object(Symbol('s'))], [{}]],
  ['a Map, a Set, a WeakMap', [new Map([[1, 2]]), new Set([1]), new WeakMap()], [{}, {}, {}]],
  ['a Promise and an iterator', [Promise.resolve(1), [1].values()], [{}, {}]],
  ['shared memory', new SharedArrayBuffer(4), {}],
  ['a function with toJSON', Object.assign(() => 1, { toJSON: () => 2 }), 2],
  ['an ObjectId of a copied class', new Liar('ObjectId', { toHexString: () => '5'.repeat(24) }), new ObjectId('5'.repeat(24))],
  ['a class that inherits a type', new (class extends Array {})(3).fill(0), [0, 0, 0]],
] // prettier-ignore

for (const [what, value, expected] of STORED) {
  onBothEngines(test, `stored as JSON has it: ${what}`, async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ value, after: 1 }))
    const read = await data(store)
    assert.equal(read.after, 1)
    if (expected === undefined) assert.equal(typeof read.value.a, 'number')
    else assert.deepStrictEqual(read.value, expected)
    // The same as a change of a loaded session.
    const session = await load(store)
    session.changed = value
    await store.set('sid', session)
    if (expected !== undefined) assert.deepStrictEqual((await data(store)).changed, expected)
  })
}

onBothEngines(test, 'a list is no session', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ before: true }))
  for (const list of [[], [1], Object.assign([], newSession())]) {
    const error = await failure(store.set('sid', list))
    assert.ok(error instanceof TypeError)
    assert.match(error.message, /session/)
  }
  for (const json of [[1], 'text', 5, null, undefined, new Date(), Buffer.from('x')]) {
    const error = await failure(store.set('sid', { ...newSession(), toJSON: () => json }))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
  }
  assert.deepEqual(await data(store), { before: true })
})

onBothEngines(test, 'a long key above many dates is read in a moment', async (t, open) => {
  const store = open(PATIENT)
  const dates = Array.from({ length: 20_000 }, (_, index) => new Date(index))
  // Repeated for each of the dates, the key would take 2 GB.
  const value = { ['k'.repeat(100_000)]: { dates, nested: [{ dates }] } }
  await store.set('sid', newSession({ value }, 3_600_000))
  assert.deepStrictEqual((await data(store)).value, value)
})
