// A filter means what it says, or it is refused: nothing of it is lost on the way.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ObjectId } from 'mongodb'
import { failure, newSession, openStore } from './support.mjs'

/** What no filter can say, by kind. */
const UNSAYABLE = {
  undefined: () => undefined,
  'a function': () => () => 1,
  'a symbol': () => Symbol('x'),
  'an invalid date': () => new Date(NaN),
  'a BigInt beyond 64 bits': () => 2n ** 64n,
  'a negative BigInt beyond 64 bits': () => -(2n ** 63n) - 1n,
  'a Map': () => new Map([['a', 1]]),
  'a Set': () => new Set([1]),
  'a WeakMap': () => new WeakMap(),
  'a forgotten await': () => Promise.resolve(1),
  'an error': () => new Error('x'),
  'a hole': () => new Array(1),
  'an instance with private fields': () =>
    new (class {
      #id = 1
      get id() {
        return this.#id
      }
    })(),
  'an iterator': () => [1].values(),
  'search parameters': () => new URLSearchParams('a=1'),
  'a value that is null as JSON': () => ({ toJSON: () => null }),
  'a value that is undefined as JSON': () => ({ toJSON: () => undefined }),
  'an object with a symbol as its key': () => ({ [Symbol('x')]: 1 }),
  'a field that is not enumerable': () => Object.defineProperty({}, 'x', { value: 1 }),
  'an array with fields': () => Object.assign([1], { a: 1 }),
  'a cycle': () => {
    const cycle = {}
    cycle.cycle = { cycle }
    return cycle
  },
  'a pattern with a flag that BSON has not': () => /x/y,
}

const sayable = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.constant(null).map(() => new ObjectId()),
)

const key = fc.stringMatching(/^[a-z]{1,3}$/)

/** A value in which a hole is left for another one, at any depth, as a function of that one. */
const { context } = fc.letrec((tie) => ({
  context: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant((value) => value),
    fc
      .tuple(fc.dictionary(key, sayable, { maxKeys: 3 }), key, tie('context'))
      .map(([others, name, inner]) => (value) => ({ ...others, [name]: inner(value) })),
    fc
      .tuple(
        fc.array(sayable, { maxLength: 3 }),
        tie('context'),
        fc.array(sayable, { maxLength: 2 }),
      )
      .map(([before, inner, after]) => (value) => [...before, inner(value), ...after]),
  ),
}))

const condition = fc
  .tuple(fc.constantFrom('', '$eq', '$ne', '$in', '$nin'), context)
  .map(([operator, inside]) => (value) => {
    if (operator === '') return inside(value)
    const operand = inside(value)
    return { [operator]: /in$/.test(operator) ? [operand] : operand }
  })

for (const [kind, make] of Object.entries(UNSAYABLE)) {
  test(`${kind} in a filter is refused at any depth, and destroys nothing`, async (t) => {
    const store = openStore(t, { uri: 'memory:' })
    await store.set('sid', newSession({ a: {}, b: null, owner: { id: null } }))
    await fc.assert(
      fc.asyncProperty(key, condition, async (path, filterOf) => {
        for (const call of ['destroyMany', 'find']) {
          const error = await failure(store[call]({ [path]: filterOf(make()) }))
          assert.equal(error.code, 'ERR_STORE_FILTER', error.message)
          assert.ok(error instanceof TypeError)
        }
      }),
      { numRuns: 30 },
    )
    assert.equal(await store.length(), 1)
  })
}

test('what a filter holds is read once', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.set('sid', newSession({ n: 1 }))
  const changing = (values) => ({
    get n() {
      return values.shift()
    },
  })
  const json = (values) => ({ toJSON: () => values.shift() })
  assert.equal(await store.destroyMany(changing([2, undefined, 1])), 0)
  assert.equal(await store.destroyMany({ n: { $eq: json([2, 1]) } }), 0)
  assert.equal(await store.destroyMany({ n: { $in: [json([2, 1])] } }), 0)
  assert.equal(await store.count({ n: json([1, 2]) }), 1)
  assert.equal(
    (await failure(store.destroyMany(changing([undefined, 1])))).code,
    'ERR_STORE_FILTER',
  )
})

test('whatever a session can hold finds the sessions that hold it, and no others', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.set('other', newSession({ a: ['no such value'] }))
  await fc.assert(
    fc.asyncProperty(condition, sayable, async (filterOf, value) => {
      const held = filterOf(value)
      await store.set('sid', newSession({ a: held }))
      const found = await store.find({ a: { $eq: held } })
      assert.deepEqual(
        found.map(({ sid }) => sid),
        ['sid'],
      )
    }),
    { numRuns: 200 },
  )
})
