import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'
import { inspect } from 'node:util'
import session from 'express-session'
import named, * as esm from '../index.mjs'
import { database, newSession, openStore } from './support.mjs'

const { MongoSessionStore } = esm

/** What the constructor throws for options. */
function refusal(options) {
  try {
    new MongoSessionStore(options).close()
  } catch (error) {
    return error
  }
  return assert.fail(`accepted ${inspect(options)}`)
}

test('without options a store has the documented defaults', (t) => {
  const store = openStore(t)
  const { collectionName, prefix, ttl, createTTLIndex, connected } = store
  assert.deepEqual(
    { collectionName, prefix, ttl, createTTLIndex, connected },
    {
      collectionName: 'sessions',
      prefix: '',
      ttl: 86_400_000,
      createTTLIndex: true,
      connected: false,
    },
  )
  assert.ok(store instanceof session.Store)
})

test('an empty object and undefined values mean the defaults', (t) => {
  const none = { uri: 'memory:', collection: undefined, ttl: undefined, prefix: undefined }
  for (const options of [{ uri: 'memory:' }, none]) {
    const store = openStore(t, options)
    assert.equal(store.collectionName, 'sessions')
    assert.equal(store.prefix, '')
    assert.equal(store.ttl, 86_400_000)
    assert.equal(store.createTTLIndex, true)
  }
})

test('the fields of a store show the options in use', (t) => {
  const ttl = () => 5
  const options = { uri: 'memory:', collection: 'c', ttl, prefix: 'p:', createTTLIndex: false }
  const store = openStore(t, options)
  assert.equal(store.collectionName, 'c')
  assert.equal(store.prefix, 'p:')
  assert.equal(store.ttl, ttl)
  assert.equal(store.createTTLIndex, false)
  assert.equal(openStore(t, { uri: 'memory:', ttl: 0 }).ttl, 0)
  assert.equal(openStore(t, { uri: 'memory:', ttl: 1.5 }).ttl, 1.5)
})

test('the options of the caller are never changed', async (t) => {
  const { uri } = await database(t)
  const options = Object.freeze({ uri, collection: 'c', ttl: 5, prefix: 'p', createTTLIndex: true })
  const copy = { ...options }
  await openStore(t, options).set('sid', newSession())
  assert.deepEqual(options, copy)
})

test('changing the options later does not change the store', async (t) => {
  const options = { uri: 'memory:', prefix: 'a', ttl: () => 60_000 }
  const store = openStore(t, options)
  options.prefix = 'b'
  options.ttl = () => -1
  await store.set('sid', newSession())
  assert.equal(store.prefix, 'a')
  assert.notEqual(await store.get('sid'), null)
})

test('an unknown option is a TypeError that names it', () => {
  for (const name of ['url', 'nonsense', 'client', 'constructor', 'toString', '__proto__', '']) {
    const error = refusal(Object.fromEntries([[name, 'x']]))
    assert.ok(error instanceof TypeError, name)
    assert.match(error.message, new RegExp(`'${name}'`))
    assert.equal(error.code, 'ERR_STORE_OPTION')
  }
})

test('a misspelt option is told its name', () => {
  for (const [wrong, right] of [
    ['urI', 'uri'],
    ['tll', 'ttl'],
    ['Prefix', 'prefix'],
    ['collections', 'collection'],
    ['createTtlIndex', 'createTTLIndex'],
    ['creatTTLIndex', 'createTTLIndex'],
    ['operationTimeOut', 'operationTimeout'],
  ]) {
    const { message } = refusal({ [wrong]: 1 })
    assert.ok(message.includes(`'${wrong}'`) && message.includes(`'${right}'`), message)
  }
})

const WRONG_TYPES = {
  uri: [5, null, {}, true, new URL('http://a'), ['mongodb://localhost/a']],
  collection: [5, null, {}, ['c'], true],
  ttl: ['60000', null, {}, true, 5n, new Date(), NaN, Infinity, -Infinity],
  prefix: [5, null, {}, true, Symbol('p')],
  createTTLIndex: [0, 1, 'true', null, {}],
  operationTimeout: ['5', null, {}, true, () => 5, NaN, Infinity],
  save: [5, null, true, {}],
  touchAfter: ['5', null, {}, () => 5, NaN, -Infinity],
}

const BAD_VALUES = {
  uri: ['', 'localhost', 'http://localhost', 'memory', 'mongodb://', 'mongodb://h:port/d'],
  collection: ['', 'a$b', '$cmd', 'a\0b', 'system.users', '.a', 'a.', '\ud800'],
  prefix: ['\ud800', 'a\udc00b'],
  operationTimeout: [0, -1, 2 ** 31, 0.5],
  save: ['', 'both', 'Replace'],
}

for (const cases of [WRONG_TYPES, BAD_VALUES]) {
  for (const [name, values] of Object.entries(cases)) {
    for (const value of values) {
      test(`the option ${name} may not be ${inspect(value)}`, () => {
        const error = refusal({ uri: 'memory:', [name]: value })
        assert.ok(error instanceof TypeError)
        assert.ok(error.message.includes(`'${name}'`), error.message)
        assert.equal(error.code, 'ERR_STORE_OPTION')
      })
    }
  }
}

test('options that are no object are a TypeError', () => {
  for (const options of [null, 5, 'mongodb://localhost/a', [], () => {}, true]) {
    assert.ok(refusal(options) instanceof TypeError)
  }
})

const SECRET = 'hunter2'

test('a bad connection string is refused by name and never repeated', () => {
  for (const uri of [
    `mongodb://me:${SECRET}@`,
    `mongodb://me:${SECRET}@host:port/db`,
    `mongodb://me:${SECRET}@host:99999/db`,
    `mongodb://me:${SECRET}/x@host/db`,
    `mongodb://me:${SECRET}?x=1@host/db`,
    `mongodb://me:5?${SECRET}=1@host/db`,
    `mongodb://me:5?${SECRET}@host/db`,
    `mongodb://me:5?w=${SECRET}@host/db`,
    `mongodb://me:a:${SECRET}@host/db`,
    `mongodb://me:5/x?serverMonitoringMode=${SECRET}@host/db`,
    `mongodb://me:${SECRET}@@host/db`,
    `mongodb://me:%zz${SECRET}@host/db`,
    `mongodb://me:${SECRET}@host/db?nonsense=1`,
    `mongodb://me:${SECRET}@host/db?w=-1`,
    `mongodb://me:${SECRET}@host/db?tls=perhaps`,
    `mongodb://me:${SECRET}@host/db?authMechanism=none`,
    `mongodb://me:${SECRET}@host/db?readPreference=any`,
    `mongodb://me:${SECRET}@host/db?connectTimeoutMS=soon`,
    `mongodb://me:${SECRET}@host/db?timeoutMS=soon`,
    `mongodb://me:${SECRET}@host/db?socketTimeoutMS=-1`,
    `mongodb://me:${SECRET}@host/db?authMechanismProperties=x`,
    `mongodb+srv://me:${SECRET}@host:27017/db`,
    `mongodb+srv://me:${SECRET}@a.b.c,d.e.f/db`,
    `postgres://me:${SECRET}@host/db`,
    ` mongodb://me:${SECRET}@host/db`,
    `me:${SECRET}@host`,
  ]) {
    const error = refusal({ uri })
    assert.ok(error instanceof TypeError, uri)
    assert.match(error.message, /'uri'/, uri)
    assert.equal(inspect(error, { depth: 9 }).includes(SECRET), false, error.message)
  }
})

test('a wrong type is named without repeating the value', () => {
  const error = refusal({ uri: { password: SECRET } })
  assert.equal(inspect(error, { depth: 9, showHidden: true }).includes(SECRET), false)
})

test('the class is the default and a named export, for import and require', () => {
  const cjs = createRequire(import.meta.url)('../index.cjs')
  assert.equal(named, MongoSessionStore)
  assert.equal(cjs.MongoSessionStore, MongoSessionStore)
  assert.equal(cjs.default, MongoSessionStore)
  assert.equal(typeof esm.MongoSessionStoreError, 'function')
})
