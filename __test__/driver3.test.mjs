// Clients of the Node driver 3 and connections of mongoose 5, which has it inside.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import mongoose from 'mongoose5'
import { placed } from '../lib/connection/target.cjs'
import MongoStore from '../lib/adapters/connect-mongo.mjs'
import Store from '../lib/adapters/express-session-mongodb.cjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import { MongoSessionStore } from '../index.mjs'
import { newAuthority } from './certificates.mjs'
import {
  afterwards,
  connected,
  database,
  failure,
  freePort,
  loggedIn,
  newSession,
  openStore,
  ownMongod,
} from './support.mjs'
import { until, watched } from './support.mjs'

/** The driver that connect-mongo 3 brings along. */
const require = createRequire(createRequire(import.meta.url).resolve('connect-mongo3/package.json'))
const { Db, MongoClient, Server } = require('mongodb')

/** The ways in which that driver finds its servers, which lead to four classes of its own. */
const UNIFIED = { useUnifiedTopology: true }
const OLDER = { useNewUrlParser: false }
const WAYS = [UNIFIED, {}, OLDER, { ...OLDER, ...UNIFIED }]

const authority = newAuthority('authority of the servers')
const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-tls-'))
const [caFile, serverFile] = ['ca.pem', 'server.pem'].map((name) => join(folder, name))

before(async () => {
  await writeFile(caFile, authority.pem)
  const server = authority.issue({ CN: 'localhost' }, { hosts: ['localhost', '127.0.0.1'] })
  await writeFile(serverFile, server, { mode: 0o600 })
})
after(() => rm(folder, { recursive: true, force: true }))

function newClient(t, uri, options = UNIFIED) {
  const client = new MongoClient(uri, options)
  afterwards(t, () => client.close())
  return client
}

function newConnection(t, uri, options = UNIFIED) {
  const connection = uri
    ? mongoose.createConnection(uri, options)
    : mongoose.createConnection().on('error', () => {})
  afterwards(t, () => connection.close())
  return connection
}

const CLIENTS = {
  'a MongoClient that is not connected': newClient,
  'a promise of a MongoClient': (...args) => newClient(...args).connect(),
  'a MongoClient that is connected': async (...args) => [await newClient(...args).connect()],
  'a Db': async (...args) => [(await newClient(...args).connect()).db()],
  'a promise of a Db': async (...args) => (await newClient(...args).connect()).db(),
  'a mongoose connection that is being opened': newConnection,
  'a mongoose connection that is open': async (...args) => [await newConnection(...args)],
  'a mongoose connection that is opened later': (t, uri, options) => {
    const connection = newConnection(t)
    setImmediate(() => connection.openUri(uri, options))
    return connection
  },
}

for (const [what, open] of Object.entries(CLIENTS)) {
  test(`${what} says where the sessions are`, async (t) => {
    const { uri, sessions } = await database(t)
    for (const way of WAYS) {
      const opened = open(t, uri, { ...way })
      // In an array, what is no promise any more comes out of an async function.
      const given = opened instanceof Promise && (await opened)
      const client = Array.isArray(given) ? given[0] : opened
      const store = openStore(t, { client })
      await store.set('sid', newSession({ user: 'ada' }))
      assert.equal((await sessions.findOne()).session.user, 'ada', JSON.stringify(way))
      assert.equal((await store.get('sid')).user, 'ada')
      await connected(store)
      await store.destroy('sid')
      await store.close()
      assert.deepEqual(store.events, [])
    }
  })
}

test("the application's connection is left open", async (t) => {
  const { uri } = await database(t)
  const client = await newClient(t, uri).connect()
  const store = openStore(t, { client: client.db() })
  await store.ping()
  await store.close()
  assert.equal((await client.db().command({ ping: 1 })).ok, 1)
})

test('the database is the one that the object stands for', async (t) => {
  const { uri, db } = await database(t)
  const name = `${db.databaseName}_other`
  const isStoredIn = async (client, options, expected) => {
    const store = openStore(t, { client, ...options })
    await store.set('sid', newSession())
    const { deletedCount } = await db.client.db(expected).collection('sessions').deleteMany({})
    assert.equal(deletedCount, 1)
    await store.close()
    if (expected === name) await db.client.db(name).dropDatabase()
  }
  const client = await newClient(t, uri).connect()
  await isStoredIn(client, { dbName: name }, name)
  await isStoredIn(client.db(name), {}, name)
  await isStoredIn(newClient(t, uri, { ...UNIFIED, dbName: name }), {}, name)
  await isStoredIn(newConnection(t, uri, { ...UNIFIED, dbName: name }), {}, name)
  const connection = newConnection(t, uri)
  await isStoredIn(connection.useDb(name), {}, name)
  await connection
  await isStoredIn(connection.useDb(name), {}, name)
  await isStoredIn(connection, {}, db.databaseName)
  const own = new mongoose.Mongoose()
  t.after(() => own.disconnect())
  await own.connect(uri, UNIFIED)
  await isStoredIn(own, {}, db.databaseName)
})

test('without a database in the string it is the default of the parser in use', async (t) => {
  const { uri } = await database(t)
  const server = withDatabase(uri, '')
  const databaseOf = (client) => placed({ client }).given.dbName
  assert.equal(databaseOf(newClient(t, server)), 'test')
  assert.equal(databaseOf(newClient(t, server, OLDER)), 'admin')
  for (const options of [UNIFIED, { useNewUrlParser: true, ...UNIFIED }]) {
    const connection = newConnection(t, server, options)
    const before = databaseOf(connection)
    assert.equal((await connection).db.databaseName, before)
    assert.equal(databaseOf(connection), before)
  }
})

test('a mongoose connection that fails to open does not keep the store from its server', async (t) => {
  const { uri, sessions } = await database(t)
  const connection = newConnection(t)
  const store = openStore(t, { client: connection })
  const nowhere = `mongodb://127.0.0.1:${await freePort()}/db`
  await failure(connection.openUri(nowhere, { ...UNIFIED, serverSelectionTimeoutMS: 50 }))
  await connection.openUri(uri, UNIFIED)
  await connected(store)
  await store.set('sid', newSession())
  assert.equal(await sessions.countDocuments(), 1)
})

const HOST = '127.0.0.1:1'
const STRINGS = [
  ...['', '/app', ',localhost:2/app', '/app?replicaSet=rs', '/app?directConnection=false'],
  ...['/app?authSource=other&appname=a%20b', '/app?ssl=true', '/app?tls=true'],
  ...['/app?tls=true&tlsInsecure=true', '/app?ssl=true&sslValidate=false'],
  ...[
    '/app?tls=true&tlsAllowInvalidHostnames=true',
    `/app?tls=true&tlsCAFile=${encodeURIComponent(caFile)}`,
  ],
  `/app?tls=true&tlsCertificateKeyFile=${encodeURIComponent(serverFile)}&tlsCertificateKeyFilePassword=x`,
  '/app?readPreference=nearest&readPreferenceTags=dc:ny,rack:1&readPreferenceTags=dc:sf',
  '/app?readPreference=secondary&maxStalenessSeconds=120&readConcernLevel=majority',
  ...['/app?w=majority&wtimeoutMS=5000&journal=true', '/app?compressors=snappy,zlib'],
]
const OPTIONS = [
  {},
  { auth: { user: 'o', password: 'q' } },
  { auth: { user: 'o', password: 'q' }, authMechanism: 'SCRAM-SHA-256' },
  { auth: { user: 'o', password: 'q' }, authMechanism: 'PLAIN' },
  { auth: { user: 'o', password: 'q' }, dbName: 'named' },
  { auth: { user: 'o', password: 'q' }, authSource: 'users' },
  { user: 'o', password: 'q', poolSize: 3, replicaSet: 'rs', appname: 'x' },
  { ssl: true, sslValidate: false, sslCA: Buffer.from('a certificate') },
  { ssl: true, sslCA: [Buffer.from('a certificate')] },
  { ssl: true, checkServerIdentity: false },
  { tls: true, tlsCAFile: caFile },
  { w: 2, wtimeout: 5, j: true },
  { readPreference: 'secondary', readPreferenceTags: [{ dc: 'ny' }], keepAlive: true },
]

/** What the driver fills in when it connects, or its Db has. */
const DEFAULTS = {
  ...{ connectTimeoutMS: 10_000, socketTimeoutMS: 0, retryWrites: true, maxPoolSize: 10 },
  ...{ heartbeatFrequencyMS: 10_000, localThresholdMS: 15, serverSelectionTimeoutMS: 30_000 },
  tls: false,
}

/** What is taken over of a client, beside what goes without saying. */
function takenOver(client) {
  try {
    const { uri, dbName, driverOptions } = placed({ client }).given
    const isSaid = ([name, value]) => String(DEFAULTS[name]) !== value
    return { uri, dbName, options: driverOptions.filter(isSaid).sort() }
  } catch ({ code, message }) {
    return { code, message }
  }
}

test('a string and options are read as the driver reads them', () => {
  let compared = 0
  for (const way of WAYS) {
    for (const start of [`mongodb://${HOST}`, `mongodb://u:p%40%2F@${HOST}`]) {
      for (const [string, options] of STRINGS.flatMap((s) => OPTIONS.map((o) => [s, o]))) {
        const client = new MongoClient(start + string, { ...options, ...way })
        const before = takenOver(client)
        try {
          // It merges them at once, whatever then becomes of the connection.
          client.connect(() => {})
        } catch {
          // With `tls` it takes `sslCA` for the name of a file.
        }
        if (!Array.isArray(client.s.options.servers)) continue
        const about = JSON.stringify([start + string, options, way])
        assert.deepEqual(takenOver(client), before, about)
        if (client.topology) assert.deepEqual(takenOver(client.db()), before, about)
        compared += 1
        client.close(() => {})
      }
    }
  }
  assert.ok(compared > 1000, `${compared}`)
})

test('one host alone is the only one, as it is for the driver', (t) => {
  const optionsOf = (uri, way) => placed({ client: newClient(t, uri, way) }).given.driverOptions
  const isDirect = (...args) => Object.fromEntries(optionsOf(...args)).directConnection === 'true'
  for (const way of [UNIFIED, {}, OLDER]) {
    assert.equal(isDirect('mongodb://h/d', way), true)
    assert.equal(isDirect('mongodb://h/d?replicaSet=rs', way), false)
    assert.equal(isDirect('mongodb://h,i/d', way), false)
    assert.equal(isDirect('mongodb+srv://h.i.j/d', way), false)
  }
})

test('a name that DNS translates is left to the addon, with TLS unless told otherwise', (t) => {
  const read = (uri, options) => placed({ client: newClient(t, uri, options) }).given
  const srv = read('mongodb+srv://u:p@h.i.j/app?retryWrites=true&w=majority')
  assert.deepEqual([srv.uri, srv.dbName], ['mongodb+srv://u:p@h.i.j/app', 'app'])
  // Who looks after the user is told by DNS.
  const { tls, authSource, w } = Object.fromEntries(srv.driverOptions)
  assert.deepEqual([tls, authSource, w], ['true', undefined, 'majority'])
  const plain = read('mongodb+srv://h.i.j/app', { ...UNIFIED, ssl: false })
  assert.equal(Object.fromEntries(plain.driverOptions).tls, 'false')
})

test('credentials are taken over, wherever they are given', async (t) => {
  const user = { user: 'app', password: 'p@ss/w:rd?' }
  const mongod = await ownMongod(t, { auth: user })
  const login = `${user.user}:${encodeURIComponent(user.password)}`
  const address = `127.0.0.1:${mongod.port}/db`
  const works = async (client) => {
    const store = await loggedIn(() => openStore(t, { client }))
    await store.set('sid', newSession({ n: 1 }))
    assert.equal((await store.get('sid')).n, 1)
    await store.close()
  }
  for (const way of WAYS) {
    for (const [uri, options] of [
      [`mongodb://${login}@${address}?authSource=admin`, {}],
      [`mongodb://${address}`, { auth: user, authSource: 'admin' }],
    ]) {
      const client = newClient(t, uri, { ...options, ...way })
      await works(client)
      await client.connect()
      await works(client)
      await works(client.db())
    }
  }
  const { user: name, password: pass } = user
  await works(newConnection(t, `mongodb://${address}`, { user: name, pass, authSource: 'admin' }))
})

test('TLS is taken over from files, and what holds a certificate is refused by name', async (t) => {
  const files = ['--tlsCertificateKeyFile', serverFile, '--tlsCAFile', caFile]
  const withoutCertificate = '--tlsAllowConnectionsWithoutCertificates'
  const args = ['--tlsMode', 'requireTLS', ...files, withoutCertificate]
  const mongod = await ownMongod(t, { args })
  const uri = `mongodb://localhost:${mongod.port}/db`
  const works = async (client) => {
    const store = openStore(t, { client })
    await store.ping()
    await store.close()
  }
  const sslCA = await readFile(caFile)
  for (const options of [
    { tls: true, tlsCAFile: caFile },
    { ssl: true, sslValidate: false },
    { ssl: true, sslValidate: false, sslCA },
  ]) {
    const client = newClient(t, uri, { ...UNIFIED, ...options })
    await works(client)
    await client.connect()
    await works(client)
    await works(client.db())
  }
  const client = newClient(t, uri, { ...UNIFIED, ssl: true, sslCA })
  const refused = {
    code: 'ERR_STORE_OPTION',
    message: /'client' has 'sslCA', which cannot be taken/,
  }
  assert.throws(() => new MongoSessionStore({ client }), refused)
  await client.connect()
  assert.throws(() => new MongoSessionStore({ client }), refused)
  assert.throws(() => new MongoSessionStore({ client: client.db() }), refused)
})

test('what cannot be taken over is refused by name', (t) => {
  const refusal = (client) => {
    try {
      new MongoSessionStore({ client }).close()
    } catch (error) {
      assert.ok(error instanceof TypeError)
      return error.message
    }
    return assert.fail('accepted')
  }
  const given = (options, uri = 'mongodb://h/d') => newClient(t, uri, { ...UNIFIED, ...options })
  for (const [options, name] of [
    [{ ssl: true, sslCert: 'a certificate' }, 'sslCert'],
    [{ ssl: true, sslKey: 'a key' }, 'sslKey'],
    [{ ssl: true, sslCRL: ['a list'] }, 'sslCRL'],
    [{ ssl: true, checkServerIdentity: () => {} }, 'checkServerIdentity'],
    [{ tls: true, tlsAllowInvalidHostnames: true }, 'checkServerIdentity'],
    [{ w: 0 }, 'w'],
  ]) {
    assert.match(refusal(given(options)), new RegExp(`'client' has '${name}'`))
  }
  const server = new Server('h', 1)
  const withServer = new MongoClient(server, UNIFIED)
  const malformed = given({}, 'mongodb://me:hunter%2@h/d')
  for (const client of [withServer, new Db('d', server), malformed]) {
    const message = refusal(client)
    assert.match(message, /'client' has no connection string that can be read/)
    assert.ok(!message.includes('hunter'))
  }
})

/** Options of connect-mongo with a client of that time. */
const OF_CONNECT_MONGO = {
  client: newClient,
  db: async (t, uri) => (await newClient(t, uri).connect()).db(),
  clientPromise: (t, uri) => newClient(t, uri).connect(),
  mongooseConnection: newConnection,
}

for (const [name, open] of Object.entries(OF_CONNECT_MONGO)) {
  test(`the adapter for connect-mongo takes it as ${name}`, async (t) => {
    const { uri, sessions } = await database(t)
    const opened = open(t, uri)
    const value = name === 'db' ? await opened : opened
    const store = watched(t, new MongoStore({ [name]: value, stringify: false }))
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await sessions.findOne()).session.user, 'ada')
  })
}

test('the adapter for express-session-mongodb takes its Db', async (t) => {
  const { uri, db } = await database(t)
  const client = await newClient(t, uri).connect()
  const store = watched(t, new Store(client.db()))
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await db.collection('Sessions').findOne()).Data.user, 'ada')
  const unfit = newClient(t, uri, { ssl: true, sslKey: 'a key' })
  assert.throws(() => new Store(unfit), /'DB' has 'sslKey'/)
  const errors = []
  const late = watched(t, new Store(Promise.resolve(unfit), (error) => errors.push(error)))
  await until(() => errors.length > 0, 'the callback')
  assert.match(errors[0].message, /'DB' has 'sslKey'/)
  await late.close()
})
