// Every kind of value comes back as it was.
import assert from 'node:assert/strict'
import { ObjectId } from 'mongodb'
import { dataOf, newSession } from './world.mjs'

/** A check that a value is the same after it was stored and read. */
function roundTrip(value) {
  return async ({ open }) => {
    const store = open()
    await store.set('sid', newSession({ value, list: [value, 'after'] }))
    const read = await store.get('sid')
    assert.deepStrictEqual(read.value, value)
    assert.deepStrictEqual(read.list, [value, 'after'])
    // What was read is stored again, as a whole session and not as a difference.
    await store.set('copy', newSession(dataOf(read)))
    assert.deepStrictEqual((await store.get('copy')).value, value)
  }
}

/** Keys with escapes: JSON.parse of Node 24 and 26 gives an object those of another one (nodejs/node issue 63785). */
const ESCAPED_KEYS = ['\\', '"', '\n', '\\"']

async function areToldApart(open) {
  for (const store of [open(), open({ stringify: true })]) {
    for (const before of ESCAPED_KEYS) {
      for (const key of [before, ...ESCAPED_KEYS]) {
        const data = { a: { [key]: { list: [{ [key]: 1 }, { b: 2, [key]: 3 }] }, n: 4 } }
        await store.set('sid', newSession(data))
        assert.deepStrictEqual(dataOf(await store.get('sid')), data)
      }
    }
  }
}

const STRANGE_KEYS = [
  'a.b',
  '$set',
  '',
  'nul\0l',
  '\ud800',
  '__proto__',
  'constructor',
  'a"b\\c\n',
  '7',
]

export const values = {
  'strings, lone surrogates and NUL': roundTrip([
    '',
    'é',
    '\u{1f600}',
    '\ud800',
    '\udfff',
    'a\0b',
    '"\\\n',
  ]),
  numbers: roundTrip([0, -0, 1, 1.5, -1e300, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, 5e-324]),
  bigints: roundTrip([0n, 2n ** 60n, -(2n ** 63n)]),
  'booleans and null': roundTrip([true, false, null]),
  dates: roundTrip([new Date(0), new Date(-1), new Date(8.64e15)]),
  buffers: roundTrip([Buffer.from('bytes'), Buffer.alloc(0)]),
  'typed arrays': roundTrip([
    new Uint8Array([1, 2]),
    new Int16Array([-1]),
    new Uint32Array([2 ** 32 - 1]),
    new Float32Array([1.5]),
    new Float64Array([NaN, -0]),
    new BigInt64Array([-1n]),
    // From Node 24 on.
    ...(globalThis.Float16Array ? [new Float16Array([1.5])] : []),
  ]),
  'regular expressions': roundTrip([/a.b/gi, /./m]),
  'nested objects and arrays in their order': roundTrip({
    z: [[], {}, [[{ a: [1] }]]],
    a: { 2: 1, 1: 2 },
  }),

  async 'ObjectIds of the application'({ open }) {
    const store = open()
    const id = new ObjectId()
    await store.set('sid', newSession({ id }))
    const read = await store.get('sid')
    assert.equal(read.id.constructor, ObjectId)
    assert.ok(read.id.equals(id))
  },

  async 'any key'({ open }) {
    const store = open()
    const nested = {}
    for (const key of STRANGE_KEYS) {
      Object.defineProperty(nested, key, {
        value: key,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
    await store.set('sid', newSession({ nested }))
    const read = (await store.get('sid')).nested
    assert.deepEqual(new Set(Object.keys(read)), new Set(STRANGE_KEYS))
    for (const key of STRANGE_KEYS) {
      assert.equal(Object.getOwnPropertyDescriptor(read, key).value, key)
    }
    assert.equal(Object.getPrototypeOf(read), Object.prototype)
    await areToldApart(open)
  },

  async 'undefined, functions, symbols and toJSON go as in JSON'({ open }) {
    const store = open()
    const session = newSession({
      gone: undefined,
      method() {},
      symbol: Symbol('s'),
      list: [undefined, () => {}],
      own: { toJSON: () => ({ made: 'by toJSON' }) },
      map: new Map([[1, 2]]),
    })
    await store.set('sid', session)
    assert.deepEqual(dataOf(await store.get('sid')), {
      list: [null, null],
      own: { made: 'by toJSON' },
      map: {},
    })
  },

  async 'a megabyte in a session'({ open }) {
    const store = open()
    const text = 'é\ud800x'.repeat(2 ** 18)
    await store.set('sid', newSession({ text }))
    assert.ok((await store.get('sid')).text === text)
  },

  async 'text of a JSON string (stringify)'({ open }) {
    const store = open({ stringify: true })
    await store.set('sid', newSession({ user: 'ada', 'a.b': [1, null] }))
    assert.deepEqual(dataOf(await store.get('sid')), { user: 'ada', 'a.b': [1, null] })
  },
}
