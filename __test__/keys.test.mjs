import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import { database, newSession, onBothEngines, openStore } from './support.mjs'

const KEYS = [
  '.',
  'a.b',
  '.a',
  'a.',
  '$',
  '$set',
  '$a.b',
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfff',
  '\ufdd0',
  '\ufdd00000',
  '👩‍👧',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'prototype',
  'length',
  '0',
  '42',
  '-1',
  '1e3',
  '_id',
  'id',
  'expires',
  '_expires',
  'session',
  '_bsontype_',
  'null',
  'undefined',
  '"',
  '\\',
  '\n',
]

/** An object with one own key, whatever that is called. */
const holding = (key, value) => Object.fromEntries([[key, value]])

for (const key of KEYS) {
  onBothEngines(test, `the key ${JSON.stringify(key)} is kept at any place`, async (t, open) => {
    const store = open()
    const values = [1, 'text', new Date(5), 5n, [1], { deep: holding(key, new Date(6)) }]
    for (const value of values) {
      const session = { ...newSession(), ...holding('nested', holding(key, value)), list: [] }
      Object.defineProperty(session, key, { value, enumerable: true, configurable: true })
      session.list.push(holding(key, value), null, holding(key, -0))
      await store.set('sid', session)
      const read = await store.get('sid')
      assert.ok(Object.hasOwn(read, key))
      assert.equal(Object.getPrototypeOf(read), Object.prototype)
      assert.deepStrictEqual(Object.getOwnPropertyDescriptor(read, key).value, value)
      assert.deepStrictEqual(read.nested, holding(key, value))
      assert.deepStrictEqual(read.list, [holding(key, value), null, holding(key, -0)])
    }
  })
}

onBothEngines(test, 'any key is kept in a session that JSON could carry', async (t, open) => {
  const store = open()
  for (const key of KEYS) {
    const session = { ...newSession(), nested: { list: [holding(key, 1)] } }
    Object.defineProperty(session, key, { value: { a: 1 }, enumerable: true, configurable: true })
    await store.set('sid', session)
    const read = await store.get('sid')
    assert.deepStrictEqual(Object.getOwnPropertyDescriptor(read, key)?.value, { a: 1 }, key)
    assert.deepStrictEqual(read.nested, { list: [holding(key, 1)] }, key)
  }
})

for (const stringify of [false, true]) {
  const how = stringify ? 'as text' : 'as a document'
  onBothEngines(test, `keys are told apart from those read before, ${how}`, async (t, open) => {
    const store = open({ stringify })
    const odd = KEYS.filter((key) => JSON.stringify(key) !== `"${key}"`)
    for (const before of odd) {
      for (const key of [before, ...odd]) {
        const data = { a: holding(key, { list: [holding(key, '\\"\n{,"'), {}, []], n: -1.5e3 }) }
        await store.set('sid', newSession(data))
        const { cookie: _, ...read } = await store.get('sid')
        assert.deepStrictEqual(read, data)
      }
    }
  })
}

onBothEngines(test, 'any key is kept in a cookie', async (t, open) => {
  const store = open()
  for (const key of KEYS.filter((key) => !/expires$/.test(key))) {
    const cookie = Object.defineProperties(holding(key, 'x'), props(newSession().cookie))
    await store.set('sid', { cookie, after: null })
    const { cookie: read } = await store.get('sid')
    assert.equal(Object.getOwnPropertyDescriptor(read, key)?.value, 'x', key)
    assert.deepEqual(read.expires, cookie._expires)
  }
})

const props = Object.getOwnPropertyDescriptors

onBothEngines(test, 'keys keep their order at every level', async (t, open) => {
  const store = open()
  const data = {
    z: 1,
    a: { y: new Date(1), b: { x: 1, c: 2, 5: 3, 1: 4 } },
    m: [{ n: 1, d: 2 }],
    9: 0,
  }
  await store.set('sid', { ...newSession(), ...data })
  const { cookie: _, ...read } = await store.get('sid')
  assert.equal(inspect(read, { depth: 9 }), inspect(data, { depth: 9 }))
})

test('ordinary keys are stored under their own names in the order given', async (t) => {
  const { uri, sessions } = await database(t)
  const data = { zebra: 1, apple: 2, 'a.b': 3, $c: 4, '': 5, ключ: 6 }
  await openStore(t, { uri }).set('sid', newSession(data))
  const { session } = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(Object.keys(session), ['cookie', ...Object.keys(data)])
})

onBothEngines(test, 'a session without a cookie key first is the same session', async (t, open) => {
  const store = open()
  const { cookie } = newSession()
  await store.set('sid', { list: [null, 1], at: new Date(1), cookie, after: null })
  const read = await store.get('sid')
  assert.deepEqual(Object.keys(read), ['list', 'at', 'cookie', 'after'])
  assert.deepEqual(read.at, new Date(1))
  assert.deepEqual(read.cookie.expires, cookie._expires)
})
