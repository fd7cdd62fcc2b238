import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'
import fc from 'fast-check'
import { ObjectId } from 'mongodb'

const { filterKeys, unfilterKeys } = createRequire(import.meta.url)(
  '../lib/adapters/filter-keys.cjs',
)

/** Keys made of what is replaced, of the replacements and of parts of them. */
const key = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom('-', '.', '$', '\0', '*', '*-', 'dot', 'dot-', 'dol', 'nul', 'd', 'a'))
    .map((parts) => parts.join('')),
)
const data = fc.object({
  key,
  maxDepth: 4,
  values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.date(), fc.uint8Array()],
})

function keysOf(value) {
  if (Object.getPrototypeOf(value ?? 0) === Array.prototype) return value.flatMap(keysOf)
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])
}

test('what was filtered is read as it was', () => {
  fc.assert(
    fc.property(data, (session) => {
      assert.deepStrictEqual(unfilterKeys(filterKeys(session)), session)
    }),
  )
})

test('no filtered key has a dot, a dollar sign or NUL', () => {
  fc.assert(
    fc.property(data, (session) => {
      for (const filtered of keysOf(filterKeys(session))) {
        for (const character of ['.', '$', '\0']) assert.ok(!filtered.includes(character))
      }
    }),
  )
})

test('keys are filtered everywhere, at all depths', () => {
  assert.deepEqual(filterKeys({ 'a.b.c': 1, $d: [{ 'e-f-g': { '\0\0': 2 } }], plain: 'a.b' }), {
    'adot-bdot-c': 1,
    'dol-d': [{ 'e*-f*-g': { 'nul-nul-': 2 } }],
    plain: 'a.b',
  })
})

test('values that are no containers are left alone', () => {
  const values = {
    date: new Date(0),
    buffer: Buffer.from('a.b'),
    floats: new Float64Array([1.5]),
    regExp: /a.b/,
    id: new ObjectId(),
    boxed: new Number(5),
    none: undefined,
  }
  const filtered = filterKeys(values)
  for (const [name, value] of Object.entries(values)) assert.equal(filtered[name], value, name)
  const read = unfilterKeys(values)
  for (const [name, value] of Object.entries(values)) assert.equal(read[name], value, name)
})

test('an object is filtered as what it says to be stored', () => {
  class Money {
    'in.cents' = 5
  }
  const filtered = filterKeys({
    json: { toJSON: (key) => ({ [`of.${key}`]: 1 }) },
    bson: { toBSON: () => ({ 'a.b': 1 }) },
    money: new Money(),
    pretends: { _bsontype: 'ObjectId', 'a.b': 1 },
  })
  assert.deepEqual(filtered, {
    json: { 'ofdot-json': 1 },
    bson: { 'adot-b': 1 },
    money: { 'indot-cents': 5 },
    pretends: { _bsontype: 'ObjectId', 'adot-b': 1 },
  })
})

test('a key __proto__ is a key like any other', () => {
  const session = JSON.parse('{ "__proto__": { "a.b": 1 } }')
  assert.deepStrictEqual(unfilterKeys(filterKeys(session)), session)
  assert.equal(Object.getPrototypeOf(filterKeys(session)), Object.prototype)
})

test('cycles and bottomless objects end, for the store to refuse them', () => {
  const cycle = { 'a.b': {} }
  cycle['a.b'].again = cycle
  cycle.twice = [cycle, cycle]
  assert.equal(filterKeys(cycle)['adot-b'].again, cycle)
  const bottomless = { toJSON: () => ({ next: bottomless }) }
  filterKeys({ bottomless })
})
