import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect, types } from 'node:util'
import fc from 'fast-check'
import { database, isLong, newSession, onBothEngines, openStore } from './support.mjs'

/** Other data each time that the tests are run. */
const RUNS = isLong ? 1000 : 60

/** Any string, lone surrogates and NUL included, and often a strange key. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', '\0', '\ufdd0', '0', 'd', '$', '.', 'é') }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'length', '_id', '$set', 'a.b', '', '7'),
)

const data = fc.dictionary(
  text,
  fc.anything({
    key: text,
    values: [
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
      fc.integer(),
      fc.double(),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.date({ noInvalidDate: true }),
      text,
    ],
    maxDepth: 5,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  { noNullPrototype: true },
)

/** What a value is after it was stored: types are kept, the rest goes as in JSON. */
function afterwards(value) {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? null : value
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return Array.from(value, (element) => afterwards(element) ?? null)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.map(([key, each]) => [key, afterwards(each)]))
}

function assertSame(actual, expected) {
  assert.deepStrictEqual(actual, expected)
  // It also shows the order of keys.
  const all = { depth: Infinity, maxArrayLength: null, maxStringLength: null }
  assert.equal(inspect(actual, all), inspect(expected, all))
}

/** A session of generated data; keys are defined, because one may be called __proto__. */
function sessionOf(generated) {
  const { cookie: _, ...own } = Object.getOwnPropertyDescriptors(generated)
  return Object.defineProperties({ cookie: newSession().cookie }, own)
}

function withoutCookie(session) {
  const { cookie: _, ...own } = Object.getOwnPropertyDescriptors(session)
  return Object.defineProperties({}, own)
}

onBothEngines(test, 'any data comes back as it was', async (t, open) => {
  const store = open()
  await fc.assert(
    fc.asyncProperty(data, async (generated) => {
      const session = sessionOf(generated)
      await store.set('sid', session)
      const read = await store.get('sid')
      assertSame(withoutCookie(read), afterwards(withoutCookie(session)))
      assert.deepEqual(read.cookie.expires, session.cookie._expires)
    }),
    { numRuns: 2 * RUNS },
  )
})

onBothEngines(test, 'what was read can be stored again and is the same', async (t, open) => {
  const store = open()
  await fc.assert(
    fc.asyncProperty(data, async (generated) => {
      await store.set('one', sessionOf(generated))
      const one = await store.get('one')
      await store.set('two', one)
      assertSame(await store.get('two'), one)
    }),
    { numRuns: RUNS },
  )
})

/** What the official driver, too, can write. */
const drivers = fc.dictionary(
  fc.stringMatching(/^[a-zа-я.$_][a-zа-я.$ _]{0,8}$/).filter((key) => key !== '__proto__'),
  fc.anything({
    key: fc.stringMatching(/^[a-zа-я.$]{0,8}$/),
    values: [
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.double(),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.date({ noInvalidDate: true }),
      fc.string({ unit: 'grapheme' }),
    ],
    maxDepth: 4,
  }),
  { noNullPrototype: true },
)

test('data written by the official driver reads as the driver reads it', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await fc.assert(
    fc.asyncProperty(drivers, async (generated) => {
      const session = { cookie: {}, generated }
      await sessions.replaceOne({ _id: 'sid' }, { session }, { upsert: true })
      const found = await sessions.findOne({ _id: 'sid' })
      assertSame((await store.get('sid')).generated, found.session.generated)
    }),
    { numRuns: RUNS },
  )
})

test('data written by this store reads as it was with the official driver', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await fc.assert(
    fc.asyncProperty(drivers, async (generated) => {
      await store.set('sid', newSession({ generated }))
      const found = await sessions.findOne({ _id: 'sid' }, { useBigInt64: true })
      assertSame(found.session.generated, generated)
    }),
    { numRuns: RUNS },
  )
})
