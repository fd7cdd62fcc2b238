// What JSON.stringify does to a value, the store does as well.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Decimal128, ObjectId } from 'mongodb'
import { newSession, onBothEngines } from './support.mjs'

const none = () => {}

class Point {
  #hidden = 1
  x = 1
  static y = 2
  get z() {
    return this.#hidden
  }
}

class Money {
  constructor(amount) {
    this.amount = amount
  }
  toJSON(key) {
    return { key, amount: this.amount }
  }
}

const shared = { n: 1 }

/** Each: what it is, the data that is stored, the data that comes back. */
const BECOMES = [
  [
    'undefined, functions and symbols in an object are left out',
    { a: undefined, b: none, c: Symbol('c'), d: 1 },
    { d: 1 },
  ],
  [
    'undefined, functions and symbols in an array are null',
    { list: [undefined, none, Symbol('c'), 1] },
    { list: [null, null, null, 1] },
  ],
  ['holes in an array are null', { list: [1, , 3] }, { list: [1, null, 3] }], // eslint-disable-line no-sparse-arrays
  ['symbol keys are left out', { a: 1, [Symbol('s')]: 2 }, { a: 1 }],
  [
    'keys that are not enumerable are left out',
    Object.defineProperty({ a: 1 }, 'b', { value: 2 }),
    { a: 1 },
  ],
  [
    'inherited keys are left out',
    { o: Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } }) },
    { o: { own: 2 } },
  ],
  ['a class instance becomes a plain object', { point: new Point() }, { point: { x: 1 } }],
  [
    'an object without prototype becomes a plain object',
    { o: Object.assign(Object.create(null), { a: new Date(1) }) },
    { o: { a: new Date(1) } },
  ],
  [
    'a Map, a Set and an Error become empty objects',
    { m: new Map([[1, 2]]), s: new Set([1]), e: new Error('x') },
    { m: {}, s: {}, e: {} },
  ],
  [
    'boxed primitives are unboxed',
    { n: Object(-0), s: Object('s'), b: Object(false), i: Object(5n), x: Object(NaN) },
    { n: -0, s: 's', b: false, i: 5n, x: NaN },
  ],
  ['a URL becomes its text', { url: new URL('http://a/b') }, { url: 'http://a/b' }],
  ['a getter is read', { get a() { return 1 }, o: { get d() { return new Date(1) } } }, { a: 1, o: { d: new Date(1) } }], // prettier-ignore
  [
    'toJSON decides, and is told the key',
    { price: new Money(5), list: [new Money(6)] },
    { price: { key: 'price', amount: 5 }, list: [{ key: '0', amount: 6 }] },
  ],
  [
    'what toJSON answers keeps its type',
    { a: { toJSON: () => new Date(1) }, b: { toJSON: () => 5n }, c: { toJSON: () => undefined } },
    { a: new Date(1), b: 5n },
  ],
  [
    'toJSON of an array counts',
    { list: Object.assign([1], { toJSON: () => 'list' }) },
    { list: 'list' },
  ],
  [
    'toJSON of a function counts',
    { f: Object.assign(() => {}, { toJSON: () => 'f' }) },
    { f: 'f' },
  ],
  [
    'toJSON decides before toBSON, so that what it leaves out is not stored',
    { user: { toJSON: () => ({ name: 'ada' }), toBSON: () => ({ name: 'ada', password: 'x' }) } },
    { user: { name: 'ada' } },
  ],
  [
    'toBSON decides where there is no toJSON',
    { v: { toBSON: () => new ObjectId('507f1f77bcf86cd799439011') } },
    { v: new ObjectId('507f1f77bcf86cd799439011') },
  ],
  [
    'toBSON may answer plain data',
    { v: { toBSON: () => ({ a: [1, new Date(2)] }) } },
    { v: { a: [1, new Date(2)] } },
  ],
  [
    'a Map that toBSON answers becomes an object of its entries',
    {
      v: { toBSON: () => new Map([['a', new Date(2)], [5, { b: 1 }], ['__proto__', 1]]) },
      w: { toBSON: () => new Map([['a', 1]]), toJSON: () => new Map([['b', 2]]) },
    },
    { v: JSON.parse('{"5":{"b":1},"a":0,"__proto__":1}', (key, value) => value === 0 ? new Date(2) : value), w: { b: 2 } },
  ], // prettier-ignore
  [
    'a Map within what toBSON answers becomes one, too, and any other is empty',
    {
      v: { toBSON: () => ({ list: [new Map([['a', new Map([['b', new Date(2)]])]])], n: 1 }) },
      w: { toBSON: () => new Map([['a', { m: new Map([['b', 1]]) }]]) },
      x: [new Map([['a', 1]])],
    },
    { v: { list: [{ a: { b: new Date(2) } }], n: 1 }, w: { a: { m: { b: 1 } } }, x: [{}] },
  ],
  [
    'values of BSON types are no plain objects',
    { list: [{ d: Decimal128.fromString('2') }] },
    { list: [{ d: Decimal128.fromString('2') }] },
  ],
  [
    'an invalid Date is null',
    { d: new Date(NaN), list: [new Date(NaN), 1] },
    { d: null, list: [null, 1] },
  ],
  [
    'one object in two places is stored twice',
    { a: shared, b: [shared, shared] },
    { a: { n: 1 }, b: [{ n: 1 }, { n: 1 }] },
  ],
  [
    'nulls beside values that JSON cannot carry stay where they are',
    { a: null, b: [null, NaN, null, 5n], c: null, d: new Date(1), e: [null] },
    { a: null, b: [null, NaN, null, 5n], c: null, d: new Date(1), e: [null] },
  ],
]

for (const [title, data, expected] of BECOMES) {
  onBothEngines(test, title, async (t, open) => {
    const store = open()
    const session = newSession()
    Object.defineProperties(session, Object.getOwnPropertyDescriptors(data))
    await store.set('sid', session)
    const { cookie, ...read } = await store.get('sid')
    assert.deepStrictEqual(read, expected)
    assert.equal(cookie.path, '/')
  })
}

onBothEngines(test, 'toJSON of the session itself is honoured', async (t, open) => {
  const store = open()
  const session = { ...newSession(), toJSON: () => ({ ...newSession(), user: 'ada' }) }
  await store.set('sid', session)
  assert.equal((await store.get('sid')).user, 'ada')
})

onBothEngines(test, 'the session that is set is not changed', async (t, open) => {
  const store = open()
  const data = { a: [1, new Date(1), undefined], m: new Map([[1, 2]]), b: { toJSON: () => 1 } }
  const session = newSession(data)
  const keys = Object.keys(session)
  const { cookie } = session
  Object.freeze(session)
  Object.freeze(cookie)
  await store.set('sid', session)
  assert.deepEqual(Object.keys(session), keys)
  assert.equal(session.cookie, cookie)
  assert.deepEqual(session.a, [1, new Date(1), undefined])
})

onBothEngines(test, 'what is changed after the call is not stored', async (t, open) => {
  const store = open()
  const session = newSession({ list: [1], at: new Date(1), raw: Buffer.from('a') })
  const stored = store.set('sid', session)
  session.list.push(2)
  session.at.setTime(2)
  session.raw[0] = 0
  session.more = true
  await stored
  const { cookie: _, ...read } = await store.get('sid')
  assert.deepStrictEqual(read, { list: [1], at: new Date(1), raw: Buffer.from('a') })
})

onBothEngines(test, 'a cookie with further fields keeps them', async (t, open) => {
  const store = open()
  const session = newSession()
  Object.assign(session.cookie, {
    partitioned: true,
    priority: 'high',
    domain: null,
    since: new Date(5),
  })
  await store.set('sid', session)
  const { cookie } = await store.get('sid')
  assert.equal(cookie.partitioned, true)
  assert.equal(cookie.priority, 'high')
  assert.equal(cookie.domain, null)
  assert.deepEqual(cookie.since, new Date(5))
})
