// Values of another realm, such as those of a context of node:vm, in which Jest runs tests: their classes are others of
// the same names, and they are values like any other.
import assert from 'node:assert/strict'
import test from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { failure, onBothEngines, openStore } from './support.mjs'

const context = createContext()

/** What an expression is in the other realm, and what it is in this one. */
const elsewhere = (expression) => runInContext(`(${expression})`, context)
const here = (expression) => new Function(`return (${expression})`)()

/** The expressions of values, each of which has to come back as the same expression of this realm would. */
const VALUES = [
  'new Date(86400000)',
  'new Date(NaN)',
  '[1, [2, { a: 3 }], new Date(5)]',
  '{ a: { b: { c: [] } } }',
  'Object.assign(Object.create(null), { a: 1 })',
  "new Map([['a', 1]])",
  "new Set(['a'])",
  "new Error('a message')",
  "Object.assign(new RangeError('a message'), { code: 'A_CODE' })",
  '/a pattern/g',
  'new Uint8Array([1, 2, 3])',
  'new Uint8Array([1, 2, 3]).subarray(1)',
  'new Float64Array([1.5])',
  'new Uint8Array([1, 2, 3]).buffer',
  'new DataView(new ArrayBuffer(2))',
  '2n ** 60n',
  'Object(5n)',
  "new String('text')",
  'new Number(5)',
  'new Boolean(true)',
  'new (class Money { constructor() { this.cents = 5 } toJSON() { return { cents: this.cents } } })()',
  'Symbol.iterator',
  '() => 5',
  'NaN',
  '-0',
  '{ get a() { return new Date(5) } }',
]

/** What becomes of a session: what is read, or why it is not stored. */
async function outcome(store, session) {
  const refusal = await store.set('sid', session).then(
    () => undefined,
    ({ code, message }) => ({ code, message }),
  )
  if (refusal !== undefined) return refusal
  const { cookie: _cookie, ...data } = await store.get('sid')
  return data
}

for (const options of [{}, { stringify: true }]) {
  const title = `are stored as those of this one, ${JSON.stringify(options)}`
  onBothEngines(test, `values of another realm ${title}`, async (t, open) => {
    const store = open(options)
    for (const expression of VALUES) {
      const session = `{ cookie: {}, value: ${expression}, list: [${expression}] }`
      const expected = await outcome(store, here(session))
      assert.deepEqual(await outcome(store, elsewhere(session)), expected, expression)
    }
  })
}

onBothEngines(test, 'a filter of another realm finds what one of this finds', async (t, open) => {
  const store = open()
  await store.set(
    'sid',
    elsewhere("{ cookie: {}, user: { id: 5 }, since: new Date(5), tags: ['a'] }"),
  )
  for (const filter of [
    "{ 'user.id': 5 }",
    '{ since: new Date(5) }',
    "{ tags: ['a'] }",
    "{ 'user.id': { $in: [5] } }",
  ]) {
    const count = async (made) => (await store.find(made)).length
    assert.equal(await count(elsewhere(filter)), await count(here(filter)), filter)
  }
})

test('options of another realm are options', async (t) => {
  const store = openStore(
    t,
    elsewhere(`{
      uri: 'memory:',
      ttl: (session) => session.lifetime,
      userId: (session) => session.user,
      encryption: { keys: [new Uint8Array(32).fill(7)] },
    }`),
  )
  await store.set('sid', elsewhere("{ cookie: {}, user: 'ada', lifetime: 60000 }"))
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal((await store.sessionsOf('ada')).length, 1)
  const { message } = await failure(store.set('sid', elsewhere("{ cookie: {}, lifetime: 'long' }")))
  assert.match(message, /^option 'ttl' must return a number of milliseconds, got a string$/)
})

test('what a cryptoAdapter of another realm promises is waited for', async (t) => {
  const cryptoAdapter = elsewhere(`{
    encrypt: async (text) => 'sealed ' + text,
    decrypt: async (text) => text.slice('sealed '.length),
  }`)
  const store = openStore(t, { uri: 'memory:', cryptoAdapter })
  await store.set('sid', { cookie: {}, user: 'ada' })
  assert.equal((await store.get('sid')).user, 'ada')
  assert.deepEqual(
    (await store.all()).map(({ user }) => user),
    ['ada'],
  )
})
