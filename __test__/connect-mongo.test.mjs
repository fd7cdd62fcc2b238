// The adapter for connect-mongo: its forms, its options and what they are in this package's terms.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { createRequire } from 'node:module'
import session from 'express-session'
import { MongoClient } from 'mongodb'
import mongoose from 'mongoose'
import { MongoSessionStore } from '../index.mjs'
import MongoStore, * as adapter from '../lib/adapters/connect-mongo.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import { newClient, openAdapter } from './connect-mongo-support.mjs'
import { connected, database, failure, loggedIn, newSession, ownMongod, until } from './support.mjs'

const require = createRequire(import.meta.url)
const MEMORY = { mongoUrl: 'memory:' }
const TWO_WEEKS = 1_209_600_000

/** The message of the TypeError that options are refused with. */
function refusal(options) {
  try {
    void MongoStore.create(options).close()
  } catch (error) {
    assert.ok(error instanceof TypeError, error.stack)
    assert.equal(error.code, 'ERR_STORE_OPTION')
    return error.message
  }
  return assert.fail(`${Object.keys(options ?? {})} were accepted`)
}

test('new, create and the older form make the same kind of store', async (t) => {
  const required = require('../lib/adapters/connect-mongo.cjs')
  assert.equal(required(session), MongoStore)
  assert.equal(MongoStore({ session }), MongoStore, 'Connect of old has it inside')
  class Extended extends MongoStore {}
  const { create } = MongoStore
  const OlderForm = required(session)
  const stores = [new MongoStore(MEMORY), create(MEMORY), new OlderForm(MEMORY)]
  stores.push(new Extended(MEMORY), new adapter.MongoStore(MEMORY), required.create(MEMORY))
  for (const store of stores) {
    t.after(() => store.close())
    for (const type of [MongoStore, MongoSessionStore, session.Store, required]) {
      assert.ok(store instanceof type)
    }
    await store.set('sid', newSession({ n: 1 }))
    assert.equal((await store.get('sid')).n, 1)
  }
  assert.ok(stores[3] instanceof Extended)
  assert.equal(stores[0].constructor.name, 'MongoStore')
})

test('called as a function, it takes express-session and nothing else', () => {
  for (const argument of [undefined, null, MEMORY, 'mongodb://localhost']) {
    assert.throws(() => MongoStore(argument), {
      name: 'TypeError',
      message: /MongoStore\.create\(options\)/,
    })
  }
})

test('one option has to lead to MongoDB', () => {
  for (const options of [{}, { mongoUrl: '' }, { url: undefined, client: null }, { db: 'app' }]) {
    assert.match(refusal(options), /'mongoUrl', 'clientPromise' and 'client'.*'mongooseConnection'/)
  }
  for (const options of [undefined, null, 'mongodb://localhost', []]) {
    assert.match(refusal(options), /options must be an object/)
  }
})

/** Every option that leads to MongoDB, in the order in which they count. */
const PLACES = {
  mongoUrl: (t, uri) => uri,
  url: (t, uri) => uri,
  mongooseConnection(t, uri) {
    const connection = mongoose.createConnection(uri)
    t.after(() => connection.close())
    return connection
  },
  db: async (t, uri) => (await newClient(t, uri)).db(),
  clientPromise: (t, uri) => ({ then: (...on) => newClient(t, uri).then(...on) }),
  client: (t, uri) => newClient(t, uri),
}

for (const [name, open] of Object.entries(PLACES)) {
  test(`${name} leads to MongoDB, and counts more than what comes after it`, async (t) => {
    const { uri, sessions } = await database(t)
    const options = { [name]: open(t, uri) }
    // A promise of a client is an option of its own.
    if (name === 'db' || name === 'client') options[name] = await options[name]
    const elsewhere = withDatabase(uri, 'test_elsewhere')
    const names = Object.keys(PLACES)
    for (const later of names.slice(names.indexOf(name) + 1)) {
      options[later] = await PLACES[later](t, elsewhere)
    }
    const store = openAdapter(t, Object.freeze(options))
    await store.set('sid', newSession({ n: 1 }))
    assert.equal(await sessions.countDocuments({ _id: 'sid' }), 1)
    assert.equal((await store.get('sid')).n, 1)
    await store.close()
    if (name === 'client') {
      assert.equal((await options.client.db().command({ ping: 1 })).ok, 1, 'it is still open')
    }
    assert.deepEqual(store.events, [])
  })
}

test('the database is the one that connect-mongo would take', async (t) => {
  const { uri, db } = await database(t)
  const client = await newClient(t, uri)
  const connection = await mongoose.createConnection(uri).asPromise()
  t.after(() => connection.close())
  const name = `test_${randomUUID().slice(0, 8)}`
  const server = withDatabase(uri, '')
  const collection = `sessions_${randomUUID().slice(0, 8)}`
  for (const [options, expected] of [
    [{ mongoUrl: uri }, db.databaseName],
    [{ mongoUrl: uri, dbName: name }, name],
    [{ mongoUrl: uri, mongoOptions: { dbName: name } }, name],
    [{ url: uri, db: name }, name],
    [{ mongoUrl: server }, 'test'],
    [{ mongoUrl: server.replace(/\/(\?|$)/, '$1') }, 'test'],
    [{ client, dbName: name }, name],
    [{ client, db: name }, name],
    [{ client }, db.databaseName],
    [{ db: client.db(name), dbName: 'ignored' }, name],
    [{ mongooseConnection: connection, dbName: 'ignored' }, db.databaseName],
  ]) {
    const store = openAdapter(t, { ...options, collectionName: collection })
    await store.set('sid', newSession())
    const found = await client.db(expected).collection(collection).deleteMany({})
    assert.equal(found.deletedCount, 1, Object.keys(options).join())
    await store.close()
  }
  await client.db(name).dropDatabase()
  await client.db('test').collection(collection).drop()
})

test('collection is the older name of collectionName', async (t) => {
  const { uri, db } = await database(t)
  for (const name of ['collectionName', 'collection']) {
    const store = openAdapter(t, { mongoUrl: uri, [name]: `of_${name}` })
    assert.equal(store.collectionName, `of_${name}`)
    await store.set('sid', newSession())
    assert.equal(await db.collection(`of_${name}`).countDocuments(), 1)
  }
})

test('options that are wrong are refused under the name by which they were given', () => {
  for (const [options, message] of [
    [{ mongoURL: 'mongodb://localhost' }, /'mongoUrl', 'clientPromise'/],
    [{ ...MEMORY, colectionName: 'x' }, /unknown option 'colectionName', did you mean '.*'/],
    [{ ...MEMORY, mongoOption: {} }, /unknown option 'mongoOption', did you mean 'mongoOptions'/],
    [{ ...MEMORY, createAutoRemoveIdx: true }, /unknown option 'createAutoRemoveIdx'/],
    [{ ...MEMORY, algorithm: 'aes-256-gcm' }, /unknown option 'algorithm'/],
    [{ mongoUrl: 27017 }, /option 'mongoUrl' must be a string/],
    [{ url: 'http://localhost' }, /option 'url' /],
    [{ client: {} }, /option 'client' must be a MongoClient/],
    [{ mongooseConnection: {} }, /option 'mongooseConnection' must be a MongoClient/],
    [{ ...MEMORY, collectionName: 5 }, /option 'collectionName' must be a string/],
    [{ mongoUrl: 'mongodb://h', mongoOptions: { poolSize: 5 } }, /'mongoOptions\.poolSize'/],
    [{ ...MEMORY, writeOperationOptions: { x: 1 } }, /'writeOperationOptions\.x'/],
    [{ ...MEMORY, writeOperationOptions: { w: 0 } }, /option 'writeOperationOptions' has 'w'/],
    [{ mongoUrl: 'mongodb://h', mongoOptions: { w: 0 } }, /option 'mongoOptions' has 'w'/],
    [
      { mongoUrl: 'mongodb://h', mongoOptions: { serverApi: '2' } },
      /'mongoOptions\.serverApi\.version'/,
    ],
    [{ ...MEMORY, collection: 'mine' }, /'collection' of MongoStore\.create .* 'collectionName'/],
    [{ ...MEMORY, secret: 'squirrel' }, /'secret' of MongoStore\.create .* 'crypto'/],
    [{ ...MEMORY, ttl: '60' }, /option 'ttl' must be a number of seconds/],
    [{ ...MEMORY, ttl: () => 60 }, /option 'ttl' must be a number of seconds/],
    [
      { ...MEMORY, touchAfter: -1 },
      /option 'touchAfter' must be a number of seconds between 0 and/,
    ],
    [{ ...MEMORY, touchAfter: 1e14 }, /option 'touchAfter' .* seconds between 0 and 4000000000000/],
    [{ ...MEMORY, touchAfter: -Infinity }, /option 'touchAfter' must be a number of seconds/],
    [{ ...MEMORY, ttl: Infinity }, /option 'ttl' must be a number of seconds/],
    [{ ...MEMORY, autoRemoveInterval: '10' }, /option 'autoRemoveInterval' .* minutes/],
    [
      { ...MEMORY, autoRemoveInterval: 71_582 },
      /'autoRemoveInterval' .* minutes between 0 and 35791/,
    ],
    [
      { ...MEMORY, autoRemoveInterval: -1 },
      /'autoRemoveInterval' .* minutes between 0 and .*, got -1/,
    ],
    [{ ...MEMORY, autoRemove: 'daily' }, /option 'autoRemove' /],
    [{ ...MEMORY, stringify: 'yes' }, /option 'stringify' must be a boolean/],
    [{ ...MEMORY, serialize: 'JSON' }, /option 'serialize' must be a function/],
    [{ ...MEMORY, transformId: 'sha256' }, /option 'transformId' must be a function/],
    [{ ...MEMORY, operationTimeout: 'long' }, /option 'operationTimeout' must be a number/],
  ]) {
    assert.match(refusal(options), message)
  }
})

test('null stands for no option, as for connect-mongo', async (t) => {
  const names = ['ttl', 'touchAfter', 'autoRemove', 'autoRemoveInterval', 'stringify', 'serialize']
  names.push('unserialize', 'transformId', 'timestamps', 'mongoOptions', 'writeOperationOptions')
  names.push('collectionName', 'collection', 'dbName', 'crypto', 'cryptoAdapter', 'secret', 'url')
  names.push('client', 'clientPromise', 'mongooseConnection', 'db', 'fallbackMemory', 'algorithm')
  // Its version 6 refuses anything else here.
  names.push('createAutoRemoveIdx')
  for (const value of [null, undefined]) {
    const given = Object.fromEntries(names.map((name) => [name, value]))
    const store = openAdapter(t, Object.freeze({ ...MEMORY, ...given }))
    assert.equal(store.ttl, TWO_WEEKS)
    assert.equal(store.collectionName, 'sessions')
    await store.set('sid', newSession({ n: 1 }))
    assert.equal((await store.get('sid')).n, 1)
  }
  assert.match(refusal({ ...MEMORY, colectionName: null }), /unknown option 'colectionName'/)
})

test('mongoOptions.auth has the names of either version of the driver', async (t) => {
  const user = { user: 'app', password: 'p@ss/w:rd?' }
  const mongod = await ownMongod(t, { auth: user })
  for (const auth of [user, { username: user.user, password: user.password }]) {
    const mongoUrl = `mongodb://127.0.0.1:${mongod.port}/app`
    const mongoOptions = { auth, authSource: 'admin' }
    const store = await loggedIn(() => openAdapter(t, { mongoUrl, mongoOptions }))
    await store.set('sid', newSession())
    assert.equal(await store.length(), 1)
  }
})

test('what is wrong with a promise is said of the option that was given', async (t) => {
  for (const [name, value] of [
    ['clientPromise', Promise.reject(new Error('mongodb://me:hunter2@host'))],
    ['clientPromise', Promise.resolve({})],
    ['client', Promise.resolve({})],
  ]) {
    const store = openAdapter(t, { [name]: value })
    const { code, message } = await failure(store.get('sid'))
    assert.equal(code, 'ERR_STORE_OPTION')
    assert.match(message, new RegExp(`option '${name}' `))
    assert.ok(!message.includes('hunter2'))
  }
})

test('fallbackMemory counts a rejected clientPromise as no server', async (t) => {
  const clientPromise = MongoClient.connect('mongodb://127.0.0.1:1', {
    serverSelectionTimeoutMS: 100,
  })
  const store = openAdapter(t, { clientPromise, fallbackMemory: true })
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await store.get('sid')).n, 1)
  await until(() => store.events.length > 0, 'the warning')
  assert.deepEqual(
    store.events.map(({ value }) => value.code),
    ['ERR_STORE_FALLBACK'],
  )
})

test('options of MongoSessionStore that connect-mongo does not have pass through', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, prefix: 'app:', operationTimeout: 60_000 })
  assert.equal(store.prefix, 'app:')
  await store.set('sid', newSession())
  assert.equal((await sessions.findOne())._id, 'app:sid')
})

test('writeOperationOptions is the write concern', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, writeOperationOptions: { w: 1, j: true } })
  await store.set('sid', newSession())
  assert.equal(await sessions.countDocuments(), 1)
})

test('fallbackMemory alone keeps the sessions in this process', async (t) => {
  const store = openAdapter(t, { fallbackMemory: true })
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await store.get('sid')).n, 1)
})

test('connected and the events of a session are emitted under the names of connect-mongo', async (t) => {
  const { uri } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri })
  const emitted = []
  for (const name of ['connected', 'create', 'update', 'set', 'get', 'touch', 'destroy', 'all']) {
    store.on(name, (sid) => emitted.push(typeof sid === 'string' ? `${name} ${sid}` : name))
  }
  await connected(store)
  await until(() => emitted.length > 0, 'the event connected')
  await store.set('a', newSession())
  await store.set('a', newSession())
  await store.get('a')
  await store.touch('a', newSession())
  await store.all()
  await store.destroy('a')
  await until(() => emitted.includes('destroy a'), 'the last event')
  assert.deepEqual(emitted, [
    'connected',
    ...['create a', 'set a', 'update a', 'set a', 'get a', 'touch a', 'all', 'destroy a'],
  ])
})

test('disconnected is emitted when no server can be reached', async (t) => {
  const mongoUrl = 'mongodb://127.0.0.1:1/app?serverSelectionTimeoutMS=200'
  const store = MongoStore.create({ mongoUrl, operationTimeout: 500 })
  t.after(() => store.close())
  let isDisconnected = false
  store.once('disconnected', () => (isDisconnected = true))
  await assert.rejects(store.get('sid'))
  await until(() => isDisconnected, 'the event disconnected')
})

test('who listens to disconnected alone still gets the warning of the process', async (t) => {
  const warnings = []
  const onWarning = (warning) => warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const mongoUrl = 'mongodb://127.0.0.1:1/app?serverSelectionTimeoutMS=200'
  const store = MongoStore.create({ mongoUrl, operationTimeout: 500 })
  t.after(() => store.close())
  let disconnections = 0
  store.on('disconnected', () => (disconnections += 1))
  assert.equal(store.listenerCount('error'), 0)
  await until(() => warnings.some(({ code }) => code === 'ERR_STORE_CONNECTION'), 'the warning')
  assert.equal(disconnections, 1)
})
