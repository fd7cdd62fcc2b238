// Stores that take over the settings of an application's own connection.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import mongoose from 'mongoose'
import { withUser } from '../scripts/mongodb-uri.mjs'
import { MongoSessionStore } from '../index.mjs'
import {
  afterwards,
  connected,
  database,
  driver,
  failure,
  freePort,
  loggedIn,
  newSession,
  openStore,
  ownMongod,
  until,
} from './support.mjs'

/** A client of the application's own. */
function newClient(t, uri, options) {
  const client = new MongoClient(uri, options)
  afterwards(t, () => client.close())
  return client
}

function newConnection(t, uri) {
  const connection = mongoose.createConnection(uri)
  t.after(() => connection.close())
  return connection
}

const CLIENTS = {
  'a MongoClient that is not connected': (t, uri) => newClient(t, uri),
  'a MongoClient that is connected': (t, uri) => newClient(t, uri).connect(),
  'a promise of a MongoClient': (t, uri) =>
    new Promise((resolve) => setImmediate(() => resolve(newClient(t, uri)))),
  'a Db': (t, uri) => newClient(t, uri).db(),
  'a promise of a Db': async (t, uri) => newClient(t, uri).db(),
  'a mongoose connection that is being opened': (t, uri) => newConnection(t, uri),
  'a mongoose connection that is open': (t, uri) => newConnection(t, uri).asPromise(),
  'a mongoose connection that is opened later': (t, uri) => {
    const connection = mongoose.createConnection()
    t.after(() => connection.close())
    setImmediate(() => connection.openUri(uri))
    return connection
  },
}

for (const [what, open] of Object.entries(CLIENTS)) {
  test(`${what} says where the sessions are`, async (t) => {
    const { uri, sessions } = await database(t)
    // An async function would wait for what is to be given as a promise.
    const client = open(t, uri)
    const store = openStore(t, { client })
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await sessions.findOne()).session.user, 'ada')
    assert.equal((await store.get('sid')).user, 'ada')
    await connected(store)
    await store.close()
    assert.deepEqual(store.events, [])
    const source = (await (await client).asPromise?.()) ?? (await client)
    const admin = source.db?.admin?.() ?? source.admin?.() ?? source.db('admin').admin()
    assert.equal((await admin.ping()).ok, 1, "the application's connection is still open")
  })
}

test('mongoose itself stands for its default connection', async (t) => {
  const { uri, sessions } = await database(t)
  const own = new mongoose.Mongoose()
  t.after(() => own.disconnect())
  await own.connect(uri)
  const store = openStore(t, { client: own })
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await sessions.findOne()).session.n, 1)
})

test('a mongoose connection that fails to open is waited for until it opens', async (t) => {
  const { uri, sessions } = await database(t)
  const connection = mongoose.createConnection()
  t.after(() => connection.close())
  const store = openStore(t, { client: connection })
  const errors = []
  connection.on('error', (error) => errors.push(error))
  const nowhere = `mongodb://127.0.0.1:${await freePort()}/db`
  await failure(connection.openUri(nowhere, { serverSelectionTimeoutMS: 50 }))
  await until(() => errors.length > 0, 'the error of mongoose')
  await connection.openUri(uri)
  await connected(store)
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await sessions.findOne()).session.n, 1)
  // If all that took so long that the store believed in an outage, it said so and nothing else.
  assert.ok(store.events.every(({ value }) => value.code === 'ERR_STORE_CONNECTION'))
})

test("a client's credentials, database and options are taken over", async (t) => {
  const user = { user: 'app', password: 'p@ss/w:rd?' }
  const mongod = await ownMongod(t, { auth: user })
  const address = `mongodb://127.0.0.1:${mongod.port}/?authSource=admin&appName=theirs`
  const client = newClient(t, withUser(address, user))
  const store = await loggedIn(() => openStore(t, { client, dbName: 'mine' }))
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await client.db('mine').collection('sessions').findOne()).session.n, 1)
  const ops = await client.db('admin').command({ currentOp: 1, $all: true })
  const drivers = ops.inprog.filter(({ appName }) => appName === 'theirs')
  assert.ok(drivers.some(({ clientMetadata }) => /session-store/.test(clientMetadata.driver.name)))
  await store.close()
  await client.close()
})

test('a store goes on when the application closes its client', async (t) => {
  const { uri } = await database(t)
  const client = await newClient(t, uri).connect()
  const store = openStore(t, { client })
  await store.set('sid', newSession({ n: 1 }))
  await client.close()
  assert.equal((await store.get('sid')).n, 1)
})

test('a client that never comes is an error of each operation, and no secret is told', async (t) => {
  const client = Promise.reject(new Error('mongodb://me:hunter2@host'))
  const store = openStore(t, { client })
  const error = await failure(store.get('sid'))
  assert.equal(error.code, 'ERR_STORE_OPTION')
  assert.match(
    error.message,
    /'client' is a promise that was rejected.*connection string or a Mongo/,
  )
  await until(() => store.events.length > 0, 'the error event')
  assert.ok(
    store.events.every(({ value }) => !`${value.message}${value.stack}`.includes('hunter2')),
  )
})

test('a client that turns out to be of no use is refused by name', async (t) => {
  const late = async (client) => (await failure(openStore(t, { client }).get('sid'))).message
  const withCa = newClient(t, 'mongodb://h', { tls: true, ca: 'a certificate' })
  assert.match(await late(Promise.resolve(withCa)), /'client' has 'ca', which cannot be taken over/)
  assert.match(await late(Promise.resolve({})), /'client' must be a MongoClient, a Db, a mongoose/)
})

test('a client that is late is waited for until the deadline', async (t) => {
  const store = openStore(t, { client: new Promise(() => {}), operationTimeout: 200 })
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_TIMEOUT')
  await store.close()
})

test('what is no client, or cannot be taken over, is refused by name', (t) => {
  const refused = (options) => {
    try {
      new MongoSessionStore(options).close()
    } catch (error) {
      assert.ok(error instanceof TypeError)
      return error.message
    }
    throw new Error(`${Object.keys(options)} were accepted`)
  }
  assert.match(refused({ client: {} }), /'client' must be a MongoClient, a Db, a mongoose/)
  assert.match(refused({ client: null }), /'client'/)
  assert.match(refused({ client: 'mongodb://h' }), /'client'/)
  assert.match(refused({ client: newClient(t, 'mongodb://h'), uri: 'mongodb://h' }), /'uri'/)
  const withCa = newClient(t, 'mongodb://h', { tls: true, ca: 'a certificate' })
  assert.match(refused({ client: withCa }), /'client' has 'ca'/)
  const withCrl = newClient(t, 'mongodb://h', { tls: true, tlsCRLFile: 'revoked.pem' })
  assert.match(refused({ client: withCrl }), /'client' has 'tlsCRLFile'/)
})

test('stores of one server share their connections, whether dbName or the path names the database', async (t) => {
  const mongod = await ownMongod(t)
  const witness = await driver(t, mongod.uri)
  const count = async (appName) => {
    const { inprog } = await witness.db('admin').command({ currentOp: 1, $all: true, appName })
    return inprog.length
  }
  const opened = {}
  for (const [way, options] of Object.entries({
    path: (n, app) => ({ uri: `mongodb://127.0.0.1:${mongod.port}/tenant${n}?appName=${app}` }),
    dbName: (n, app) => ({
      uri: `mongodb://127.0.0.1:${mongod.port}/?appName=${app}`,
      dbName: `tenant${n}`,
    }),
  })) {
    const stores = Array.from({ length: 12 }, (_, n) => openStore(t, options(n, way)))
    await Promise.all(stores.map((store) => store.set('sid', newSession())))
    opened[way] = await count(way)
    for (const [n, store] of stores.entries()) {
      assert.ok(await store.get('sid'))
      assert.equal(await witness.db(`tenant${n}`).collection('sessions').countDocuments(), 1)
    }
  }
  // One pool, where each store would have opened two connections for monitoring and one for its calls.
  for (const way of ['path', 'dbName']) assert.ok(opened[way] < 36, `${way}: ${opened[way]}`)
})

test('stores with equal targets share their connections, and the last one closes them', async (t) => {
  const mongod = await ownMongod(t)
  const admin = (await newClient(t, mongod.uri).connect()).db('admin')
  const operations = async () => {
    const { inprog } = await admin.command({ currentOp: 1, $all: true })
    return inprog.filter(({ appName }) => appName === 'shared')
  }
  // Each client of the driver has one connection on which it waits for news of the server.
  const clients = async () =>
    (await operations()).filter(({ command }) => command?.topologyVersion).length
  const uri = `${mongod.uri}?appName=shared`
  const stores = Array.from({ length: 6 }, (_, n) => openStore(t, { uri, collection: `c${n}` }))
  for (const store of stores) await store.set('sid', newSession())
  await until(async () => (await clients()) === 1, 'one client to listen')
  const [last, ...others] = stores
  for (const store of others) await store.close()
  assert.ok(await last.get('sid'), 'the last one still has its connections')
  await last.close()
  await until(async () => (await operations()).length === 0, 'the connections to be closed')
  // Nothing of what was closed is shared with a store that comes later.
  assert.ok(await openStore(t, { uri, collection: 'c0' }).get('sid'))
})

test('driverOptions take precedence over those of the connection string', async (t) => {
  const { uri, db } = await database(t)
  const driverOptions = { appName: 'mine', maxPoolSize: 3, useUnifiedTopology: true }
  const store = openStore(t, { uri: `${uri}?appName=theirs`, driverOptions })
  await store.set('sid', newSession())
  const { inprog } = await db.admin().command({ currentOp: 1, $all: true })
  assert.ok(inprog.some(({ appName }) => appName === 'mine'))
  assert.deepEqual(driverOptions, { appName: 'mine', maxPoolSize: 3, useUnifiedTopology: true })
})

test('driverOptions.auth logs in', async (t) => {
  const user = { user: 'app', password: 'p@ss/w:rd?' }
  const mongod = await ownMongod(t, { auth: user })
  const uri = `mongodb://127.0.0.1:${mongod.port}/db`
  // The second is the form of version 3 of the driver.
  for (const auth of [{ username: user.user, password: user.password }, user]) {
    const driverOptions = { auth, authSource: 'admin' }
    const store = await loggedIn(() => openStore(t, { uri, driverOptions }))
    await store.set('sid', newSession({ n: 1 }))
    assert.equal((await store.get('sid')).n, 1)
  }
})

test('an option of the driver that cannot be honoured is refused by name', () => {
  for (const [driverOptions, pattern] of [
    [{ maxPoolsize: 'many' }, /'driverOptions.maxPoolsize'/],
    [{ nonsense: 1 }, /'driverOptions.nonsense'/],
    [{ pkFactory: { createPk() {} } }, /'driverOptions.pkFactory'/],
    [{ checkServerIdentity: () => {} }, /'driverOptions.checkServerIdentity'/],
    [{ auth: { username: 'me', password: 'hunter2' } }, /'driverOptions.auth'/],
    [{ auth: { name: 'me', password: 'hunter2' } }, /'driverOptions.auth' needs a 'username'/],
  ]) {
    const options = { uri: 'mongodb://other@h/d', driverOptions }
    assert.throws(
      () => new MongoSessionStore(options),
      (error) => pattern.test(error.message) && !error.message.includes('hunter2'),
      JSON.stringify(driverOptions),
    )
  }
})

test('writeConcern reaches every write', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.command({ profile: 2 })
  const store = openStore(t, { uri, writeConcern: { w: 1, j: true, wtimeoutMS: 4321 } })
  await store.set('sid', newSession())
  await store.destroy('sid')
  // Of an update the profiler shows the statements only, of the creation of the index everything.
  const profile = db.collection('system.profile')
  const written = { ns: sessions.namespace, 'command.writeConcern': { $exists: true } }
  await until(async () => (await profile.countDocuments(written)) > 0, 'a write concern')
  const writes = await profile.find(written).toArray()
  const concerns = writes.map(({ command }) => command.writeConcern)
  for (const concern of concerns) {
    assert.deepEqual({ ...concern }, { w: 1, j: true, wtimeout: 4321 })
  }
  assert.throws(() => new MongoSessionStore({ writeConcern: { w: 0 } }), /'writeConcern' has 'w'/)
  const driverOptions = { writeConcern: { w: 0 } }
  assert.throws(() => new MongoSessionStore({ driverOptions }), /'driverOptions' has 'w'/)
  assert.throws(() => new MongoSessionStore({ writeConcern: { wtimeouts: 1 } }), /wtimeouts/)
})

test('dbName takes precedence over the database of the connection string', async (t) => {
  const { uri, db } = await database(t)
  const store = openStore(t, {
    uri: uri.replace(db.databaseName, 'other'),
    dbName: db.databaseName,
  })
  await store.set('sid', newSession())
  assert.equal(await db.collection('sessions').countDocuments(), 1)
  assert.throws(() => new MongoSessionStore({ dbName: 'a.b' }), /'dbName'/)
})
