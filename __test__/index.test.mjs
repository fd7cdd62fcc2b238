import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { withUser } from '../scripts/mongodb-uri.mjs'
import {
  answers,
  connected,
  database,
  failure,
  newSession,
  openStore,
  runProgram,
  until,
} from './support.mjs'

async function sessionsWork(store) {
  await store.set('sid', newSession({ user: 'ada' }))
  await store.touch('sid', newSession())
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal((await store.all()).length, 1)
  assert.equal(await store.length(), 1)
  await store.destroy('sid')
  await store.clear()
}

/** Waits for the store's only warning, which must be about the index. */
async function warning(store) {
  const told = () => store.events.find(({ name }) => name === 'warning')
  const { value } = await until(told, 'the warning')
  assert.equal(value.code, 'ERR_STORE_INDEX')
  assert.match(value.message, /'expires_1'/)
  assert.equal(value.cause.code, 'ERR_STORE_SERVER')
  return value
}

for (const [what, keys, options] of [
  ['without expiry', { expires: 1 }, {}],
  ['with another expiry', { expires: 1 }, { expireAfterSeconds: 3600 }],
  ['under another name', { expires: 1 }, { expireAfterSeconds: 60, name: 'mine' }],
  ['of its name on another field', { other: 1 }, { name: 'expires_1' }],
]) {
  test(`an existing index ${what} is a warning and stops no session`, async (t) => {
    const { uri, sessions } = await database(t)
    await sessions.createIndex(keys, options)
    const before = await sessions.indexes()
    const store = openStore(t, { uri })
    const { cause } = await warning(store)
    assert.ok([85, 86].includes(cause.mongoCode), `code ${cause.mongoCode}`)
    await sessionsWork(store)
    await connected(store)
    assert.equal(store.events.length, 1)
    assert.deepEqual(await sessions.indexes(), before)
  })
}

test('an index of another name that does the same is no reason for a warning', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0, name: 'mine' })
  const store = openStore(t, { uri })
  await sessionsWork(store)
  // Its indexes are looked after one after the other, before this one of another store is.
  const other = openStore(t, { uri, userId: () => undefined })
  await until(async () => (await sessions.indexes()).length === 3, 'the index of the users')
  await sessionsWork(other)
  assert.deepEqual([...store.events, ...other.events], [])
})

test('the warning does not say that nothing is removed where another index removes', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 3600, name: 'mine' })
  const later = await warning(openStore(t, { uri }))
  assert.match(
    later.message,
    /deletes expired sessions by the index 'mine', 3600 seconds after .* instead of 0/,
  )
  await sessions.dropIndexes()
  await sessions.createIndex({ expires: 1 })
  const never = await warning(openStore(t, { uri }))
  assert.match(never.message, /MongoDB does not delete expired sessions by itself/)
})

/** A store on a mongod with log-ins, and a client of root; `createUser` answers who the store is. */
async function loggedIn(t, createUser) {
  const mongod = await startMongod({ auth: { user: 'root', password: 'r00t' } })
  const client = await MongoClient.connect(mongod.uri, { authSource: 'admin' })
  t.after(async () => {
    // In this order: without its server, the driver waits half a minute to end its sessions.
    await client.close()
    await mongod.stop()
  })
  const user = await createUser(client.db('admin'))
  const address = `mongodb://127.0.0.1:${mongod.port}/express_sessions?authSource=admin`
  return { client, open: () => openStore(t, { uri: withUser(address, user) }) }
}

test('a user without the right to create the index is warned and served', async (t) => {
  const { open } = await loggedIn(t, async (admin) => {
    const actions = ['find', 'insert', 'update', 'remove']
    const resource = { db: 'express_sessions', collection: 'sessions' }
    await admin.command({ createRole: 'app', privileges: [{ resource, actions }], roles: [] })
    const app = { user: 'app', password: 'p@ss/w:rd?' }
    await admin.command({ createUser: app.user, pwd: app.password, roles: ['app'] })
    return app
  })
  const store = open()
  const { cause } = await warning(store)
  assert.equal(cause.mongoCode, 13)
  await answers(store)
  await sessionsWork(store)
})

test('a user who may only read gets sessions, an error for each write, and a warning', async (t) => {
  const { client, open } = await loggedIn(t, async (admin) => {
    const roles = [{ role: 'read', db: 'express_sessions' }]
    await admin.command({ createUser: 'reader', pwd: 'secret', roles })
    return { user: 'reader', password: 'secret' }
  })
  const document = { _id: 'sid', session: { cookie: {}, user: 'ada' } }
  await client.db('express_sessions').collection('sessions').insertOne(document)
  const store = open()
  // A log-in takes some computing, and a busy machine more time than a server is given at first.
  await answers(store)
  assert.equal((await store.get('sid')).user, 'ada')
  for (const [method, ...args] of [['set', newSession()], ['touch', newSession()], ['destroy']]) {
    const error = await failure(store[method]('sid', ...args))
    assert.equal(error.code, 'ERR_STORE_SERVER')
    assert.equal(error.mongoCodeName, 'Unauthorized')
  }
  await warning(store)
})

/** A mongod that can be told to fail. */
let failing
before(async () => {
  const mongod = await startMongod({ args: ['--setParameter', 'enableTestCommands=1'] })
  const client = await MongoClient.connect(mongod.uri)
  failing = { mongod, client, uri: mongod.uri, admin: client.db('admin') }
})
after(async () => {
  await failing.client.close()
  await failing.mongod.stop()
})

function failBuilds(errorCode, mode) {
  const data = { failCommands: ['createIndexes'], errorCode }
  return failing.admin.command({ configureFailPoint: 'failCommand', mode, data })
}

// What a drop of the collection does to the builds of its indexes, by chance; an operator who ends all commands; and
// Amazon DocumentDB, which cannot be run here, to those that are asked for during another one.
for (const [code, name] of [
  [26, 'NamespaceNotFound'],
  [117, 'ConflictingOperationInProgress'],
  [215, 'DatabaseDropPending'],
  [276, 'IndexBuildAborted'],
  [11601, 'Interrupted'],
  [40333, 'IndexBuildInProgress'],
]) {
  test(`an index whose build was ended with code ${code} is created after all`, async (t) => {
    await failBuilds(code, { times: 3 })
    const store = openStore(t, { uri: failing.uri, collection: name, fields: { id: 'sid' } })
    const collection = failing.client.db(new URL(failing.uri).pathname.slice(1)).collection(name)
    await store.set('sid', newSession())
    await until(async () => {
      const indexes = await collection.indexes().catch(() => [])
      return ['sid_1', 'expires_1'].every((wanted) => indexes.some(({ name }) => name === wanted))
    }, 'both indexes')
    assert.deepEqual(store.events, [])

    // A session is not stored without the index on its id either.
    await collection.drop()
    await failBuilds(code, { times: 1 })
    await store.set('sid', newSession())
    assert.ok((await collection.indexes()).some(({ name, unique }) => name === 'sid_1' && unique))
    assert.equal(await collection.countDocuments(), 1)
  })
}

test('an index whose build is ended time after time is a warning, and created once it can be', async (t) => {
  await failBuilds(276, 'alwaysOn')
  const collection = 'ended'
  const store = openStore(t, { uri: failing.uri, collection })
  const { cause } = await warning(store)
  assert.equal(cause.mongoCode, 276)
  await failBuilds(276, 'off')
  const witness = failing.client.db(new URL(failing.uri).pathname.slice(1)).collection(collection)
  await until(async () => {
    const indexes = await witness.indexes().catch(() => [])
    return indexes.some(({ name }) => name === 'expires_1')
  }, 'the index')
  assert.equal(store.events.length, 1)
})

// As servers that only speak like MongoDB do, which cannot be run here.
test('saves that a server without hints has refused at the same time are stored', async (t) => {
  const collection = 'hintless'
  const store = openStore(t, { uri: failing.uri, collection, fields: { id: 'sid' } })
  const witness = failing.client.db(new URL(failing.uri).pathname.slice(1)).collection(collection)
  await store.set('sid', newSession())
  await until(async () => (await witness.indexes()).length === 3, 'the indexes')
  const sent = () => store.stats().commands.update.sent
  // FailedToParse. On a busy machine both leave with one command.
  const data = { failCommands: ['update'], errorCode: 9, blockConnection: true, blockTimeMS: 200 }
  await until(async () => {
    await failing.admin.command({ configureFailPoint: 'failCommand', mode: { times: 2 }, data })
    const before = sent()
    const first = store.set('a', newSession())
    await until(() => sent() > before || store.stats().queued === 0, 'the first to leave')
    await Promise.all([first, store.set('b', newSession())])
    await failing.admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
    return sent() === before + 4
  }, 'saves at the same time')
  assert.equal(await witness.countDocuments(), 3)
  assert.deepEqual(store.events, [])
})

test('an index that takes too long to be created again is created after all', async (t) => {
  const collection = 'slow'
  const store = openStore(t, { uri: failing.uri, collection })
  const witness = failing.client.db(new URL(failing.uri).pathname.slice(1)).collection(collection)
  const isThere = async () => {
    const indexes = await witness.indexes().catch(() => [])
    return indexes.some(({ name }) => name === 'expires_1')
  }
  await until(isThere, 'the index')
  // MaxTimeMSExpired.
  await failBuilds(50, { times: 1 })
  await witness.drop()
  await store.set('sid', newSession())
  const [{ value }] = await until(() => store.events.length > 0 && store.events, 'the warning')
  assert.equal(value.cause.code, 'ERR_STORE_TIMEOUT')
  await until(async () => {
    // A look at the first session may have been what took too long.
    await store.set(`sid-${Math.random()}`, newSession())
    return isThere()
  }, 'the index')
})

// The codes with which Azure Cosmos DB refuses a TTL index on another field than `_ts`. It cannot be run here.
for (const [code, name] of [
  [67, 'CannotCreateIndex'],
  [2, 'BadValue'],
  [115, 'CommandNotSupported'],
]) {
  test(`a refusal of the index with code ${code} is a warning that names the mend`, async (t) => {
    await failBuilds(code, 'alwaysOn')
    const store = openStore(t, { uri: failing.uri, collection: name })
    const { message, cause } = await warning(store)
    assert.match(message, /autoRemove to 'interval' or 'disabled'/, name)
    assert.equal(cause.mongoCode, code)
    await sessionsWork(store)
  })
}

test('a warning that nobody listens to does not end the process', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ expires: 1 })
  const { code, stdout, stderr } = await runProgram(
    `const warned = new Promise((resolve) => process.once('warning', resolve))
     const store = new MongoSessionStore({ uri: process.argv[1] })
     const hold = setTimeout(() => {}, 60_000)
     const { code } = await warned
     clearTimeout(hold)
     await store.set('sid', { cookie: {}, user: 'ada' })
     console.log(code, (await store.get('sid')).user)`,
    { args: [uri] },
  )
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'ERR_STORE_INDEX ada\n')
})

test('the index that is already there is no trouble', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
  const before = await sessions.indexes()
  const store = await connected(openStore(t, { uri }))
  await sessionsWork(store)
  await store.close()
  assert.deepEqual(store.events, [])
  assert.deepEqual(await sessions.indexes(), before)
})

test('many stores may create the index at the same time', async (t) => {
  const { uri, sessions } = await database(t)
  const stores = Array.from({ length: 8 }, () => openStore(t, { uri }))
  await Promise.all(stores.map((store, n) => store.set(`sid${n}`, newSession())))
  await until(async () => (await sessions.indexes()).length === 2, 'the index')
  await Promise.all(stores.map((store) => store.close()))
  assert.deepEqual(
    stores.flatMap(({ events }) => events),
    [],
  )
})

test('createTTLIndex false creates no index', async (t) => {
  const { uri, db, sessions } = await database(t)
  const store = await connected(openStore(t, { uri, createTTLIndex: false }))
  await store.set('sid', newSession())
  // By the time that a later store has made its own, this one would have done so too.
  await openStore(t, { uri, collection: 'later' }).set('sid', newSession())
  await until(async () => (await db.collection('later').indexes()).length === 2, 'the other index')
  assert.deepEqual(
    (await sessions.indexes()).map(({ name }) => name),
    ['_id_'],
  )
})
