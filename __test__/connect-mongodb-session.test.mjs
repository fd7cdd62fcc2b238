// The adapter with the interface of connect-mongodb-session.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { ObjectId } from 'mongodb'
import { MongoSessionStore } from 'mongodb-session-store'
import connectMongoDBSession from 'mongodb-session-store/connect-mongodb-session'
import { database, failure, freePort, newSession, until, watched } from './support.mjs'

const MongoDBStore = connectMongoDBSession(session)

/** What the constructor throws. */
function refusal(...args) {
  let store
  try {
    store = new MongoDBStore(...args)
  } catch (error) {
    assert.ok(error instanceof TypeError, error.stack)
    return error.message
  }
  store.close()
  return assert.fail(`accepted ${JSON.stringify(args)}`)
}

test('the factory takes express-session, or a module that has it, and answers one class', () => {
  assert.equal(connectMongoDBSession({ session }), MongoDBStore)
  assert.ok(MongoDBStore.prototype instanceof MongoSessionStore)
  for (const other of [undefined, null, 'express-session', {}, () => {}]) {
    assert.throws(() => connectMongoDBSession(other), TypeError)
  }
})

test('the constructor works with and without new', (t) => {
  for (const store of [new MongoDBStore({ uri: 'memory:' }), MongoDBStore({ uri: 'memory:' })]) {
    watched(t, store)
    assert.ok(store instanceof MongoDBStore)
    assert.ok(store instanceof session.Store)
    assert.equal(store.constructor, MongoDBStore)
  }
  class Own extends MongoDBStore {}
  assert.ok(watched(t, new Own({ uri: 'memory:' })) instanceof Own)
})

test('the defaults are those of the package, and null means the default as there', (t) => {
  const none = {
    databaseName: null,
    connectionOptions: null,
    expires: undefined,
    idField: undefined,
  }
  for (const options of [{}, none]) {
    const store = watched(t, new MongoDBStore({ uri: 'memory:', ...options }))
    assert.equal(store.collectionName, 'sessions')
    assert.equal(store.ttl, 1_209_600_000)
  }
})

test('the options are never changed, and those of MongoSessionStore work beside them', async (t) => {
  const { uri, db } = await database(t)
  const connectionOptions = Object.freeze({ appName: 'mine' })
  const options = Object.freeze({
    uri: uri.replace(db.databaseName, 'other'),
    databaseName: db.databaseName,
    collection: 'mine',
    connectionOptions,
    expires: 3_600_000,
    prefix: 'app:',
  })
  const store = watched(t, new MongoDBStore(options))
  await store.set('sid', { cookie: {}, user: 'ada' })
  const { _id, expires } = await db.collection('mine').findOne()
  assert.equal(_id, 'app:sid')
  const left = expires - Date.now()
  assert.ok(left > 0 && left <= 3_600_000, `${left}`)
})

test('idField, expiresKey and expiresAfterSeconds say how documents and their index look', async (t) => {
  const { uri, sessions } = await database(t)
  const options = { uri, idField: 'sid', expiresKey: 'until', expiresAfterSeconds: 90 }
  const store = watched(t, new MongoDBStore(options))
  const session = newSession({ user: 'ada' })
  await store.set('one', session)
  const { _id, sid, until: expires, session: stored, ...others } = await sessions.findOne()
  assert.ok(_id instanceof ObjectId)
  assert.equal(sid, 'one')
  assert.deepEqual(expires, session.cookie._expires)
  assert.equal(stored.user, 'ada')
  assert.deepEqual(others, {})
  const indexes = await until(async () => {
    const found = await sessions.indexes()
    return found.length === 3 && found
  }, 'the indexes')
  const ofKey = (key) => indexes.find(({ key: { [key]: order } }) => order === 1)
  assert.equal(ofKey('until').expireAfterSeconds, 90)
  assert.equal(ofKey('sid').unique, true)
  assert.equal((await store.get('one')).user, 'ada')
})

test('expiry is judged by the field that expiresKey names', async (t) => {
  const { uri, sessions } = await database(t)
  const store = watched(t, new MongoDBStore({ uri, expiresKey: 'until' }))
  const session = { cookie: { path: '/' }, user: 'ada' }
  const past = new Date(Date.now() - 1000)
  await sessions.insertMany([
    { _id: 'expired', until: past, session },
    { _id: 'alive', until: new Date(Date.now() + 60_000), expires: past, session },
  ])
  assert.equal(await store.get('expired'), null)
  assert.equal((await store.get('alive')).user, 'ada')
  assert.deepEqual(
    (await store.all()).map(({ user }) => user),
    ['ada'],
  )
})

test('the callback is called once, when the server has been reached', async (t) => {
  const { uri } = await database(t)
  for (const args of [[{ uri }], [{ uri, collection: 'another' }]]) {
    const calls = []
    const store = watched(t, new MongoDBStore(...args, (...given) => calls.push(given)))
    await until(() => calls.length > 0, 'the callback')
    await store.set('sid', newSession())
    await store.close()
    assert.deepEqual(calls, [[]])
  }
})

test('connected is emitted once', async (t) => {
  const { uri } = await database(t)
  let count = 0
  const store = watched(t, new MongoDBStore({ uri }))
  store.on('connected', () => count++)
  await until(() => count > 0, 'the event')
  store.emit('connect')
  assert.equal(count, 1)
})

test('a server that cannot be reached is an error of the callback and ends nothing', async (t) => {
  const uri = `mongodb://127.0.0.1:${await freePort()}/db`
  const calls = []
  const options = { uri, operationTimeout: 300 }
  const store = new MongoDBStore(options, (...given) => calls.push(given))
  t.after(() => store.close())
  await until(() => calls.length > 0, 'the callback')
  assert.equal(calls.length, 1)
  assert.match(calls[0][0].code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
})

test('a refused option is named as it was given', () => {
  for (const [options, pattern] of [
    [{ expires: '5' }, /'expires' must be a number/],
    [{ idField: 5 }, /'idField' must be a string/],
    [{ expiresKey: ['a'] }, /'expiresKey' must be a string/],
    [{ expiresAfterSeconds: '60' }, /'expiresAfterSeconds' must be a number of seconds/],
    [{ expiresAfterSeconds: 2 ** 31 }, /'expiresAfterSeconds' .* seconds between 0 and 2147483647/],
    [{ expiresAfterSeconds: -1 }, /'expiresAfterSeconds' .* seconds between 0 and .*, got -1/],
    [{ databaseName: 'a.b' }, /'databaseName'/],
    [{ databaseName: 5 }, /'databaseName' must be a string/],
    [{ connectionOptions: 'x' }, /'connectionOptions' must be an object/],
    [{ connectionOptions: { nonsense: 1 } }, /'connectionOptions.nonsense'/],
    [{ collectionName: 'x' }, /unknown option 'collectionName'/],
    [JSON.parse('{ "__proto__": 1 }'), /unknown option '__proto__'/],
    [{ expires: 1, ttl: 1 }, /'expires' and 'ttl' exclude/],
    [{ idField: 'a', fields: { id: 'b' } }, /'idField' and 'fields.id' exclude/],
    // By its own name, if that was given.
    [{ dbName: 'a.b' }, /'dbName'/],
  ]) {
    assert.match(refusal({ uri: 'mongodb://h/d', ...options }), pattern, JSON.stringify(options))
  }
  assert.match(refusal('mongodb://h/d'), /options must be an object, got string/)
  assert.match(refusal({ uri: 'nonsense' }), /'uri'/)
  assert.match(refusal({ uri: 'memory:' }, 'done'), /callback/)
})

test('an operation that fails also emits error, if somebody listens', async (t) => {
  const { uri, db } = await database(t)
  await db.createCollection('sessions', { validator: { impossible: true } })
  const store = new MongoDBStore({ uri })
  t.after(() => store.close())
  const told = []
  await failure(store.set('sid', newSession()))
  store.on('error', (error) => told.push(error))
  const ofPromise = await failure(store.set('sid', newSession()))
  const ofCallback = await new Promise((resolve) => store.set('sid', newSession(), resolve))
  for (const error of [ofPromise, ofCallback]) assert.equal(error.mongoCode, 121)
  assert.deepEqual(told, [ofPromise, ofCallback])
  assert.equal(await store.get('sid'), null)
  assert.equal(
    await new Promise((resolve) => store.get('sid', (...answer) => resolve(answer[1]))),
    null,
  )
})
