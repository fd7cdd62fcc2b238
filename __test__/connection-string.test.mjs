// What the Node driver accepts in a connection string either works here or is refused by name.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import { OPTIONS, parseOptions } from 'mongodb/lib/connection_string.js'
import { MongoSessionStore } from '../index.mjs'
import { connected, database, failure, freePort, newSession, openStore, until } from './support.mjs'

/** A value for each option that works, and the options that it needs beside itself. */
const WORKING = {
  appName: 'app',
  authMechanism: 'SCRAM-SHA-256',
  authMechanismProperties: 'ENVIRONMENT:k8s&authMechanism=MONGODB-OIDC',
  authSource: 'admin',
  compressors: 'zstd,snappy,zlib,none',
  connectTimeoutMS: '1000',
  directConnection: 'true',
  enableOverloadRetargeting: 'true',
  fsync: 'true',
  heartbeatFrequencyMS: '1000',
  j: 'true',
  journal: 'true',
  loadBalanced: 'true',
  localThresholdMS: '5',
  maxAdaptiveRetries: '1',
  maxConnecting: '3',
  maxIdleTimeMS: '1000',
  maxPoolSize: '5',
  maxStalenessSeconds: '90&readPreference=nearest',
  minPoolSize: '1',
  proxyHost: 'localhost',
  proxyPassword: 'b&proxyUsername=a&proxyHost=localhost',
  proxyPort: '1080&proxyHost=localhost',
  proxyUsername: 'a&proxyPassword=b&proxyHost=localhost',
  readConcernLevel: 'majority',
  readPreference: 'secondaryPreferred',
  readPreferenceTags: 'a:b&readPreferenceTags=&readPreference=nearest',
  replicaSet: 'rs',
  retryReads: 'false',
  retryWrites: 'false',
  serverMonitoringMode: 'poll',
  serverSelectionTimeoutMS: '1000',
  socketTimeoutMS: '1000',
  srvMaxHosts: '2',
  srvServiceName: 'service',
  ssl: 'true',
  timeoutMS: '1000',
  tls: 'true',
  tlsAllowInvalidCertificates: 'true&tls=true',
  tlsAllowInvalidHostnames: 'true&tlsAllowInvalidCertificates=true&tls=true',
  tlsCAFile: 'ca.pem&tls=true',
  tlsCertificateKeyFile: 'client.pem&tls=true',
  tlsCertificateKeyFilePassword: 'secret&tlsCertificateKeyFile=client.pem&tls=true',
  tlsInsecure: 'true&tls=true',
  w: 'majority',
  waitQueueTimeoutMS: '1000',
  wtimeout: '1000',
  wtimeoutMS: '1000',
  zlibCompressionLevel: '9&compressors=zlib',
}

/** A connection string with one option, in which nothing else stands in its way. */
function withOption(name, value) {
  if (/^srv/i.test(name)) return `mongodb+srv://nowhere.example.org/db?${name}=${value}`
  const needsUser = /^authMechanism$/i.test(name)
  return `mongodb://${needsUser ? 'me:secret@' : ''}127.0.0.1:1/db?${name}=${value}`
}

/** The error with which a store is refused, or undefined. */
async function refusal(uri) {
  try {
    const store = new MongoSessionStore({ uri, createTTLIndex: false })
    store.on('error', () => {})
    await store.close()
    return undefined
  } catch (error) {
    return error
  }
}

test('every option of the Node driver works or is refused by name', async () => {
  const names = Object.keys(OPTIONS)
  assert.ok(names.length > 100, 'the list of the driver has moved')
  for (const name of names) {
    const error = await refusal(withOption(name, WORKING[name] ?? 'x'))
    if (name in WORKING) {
      assert.equal(error, undefined, `${name}: ${error?.message}`)
      continue
    }
    assert.equal(error?.code, 'ERR_STORE_OPTION', name)
    assert.ok(error.message.includes(`'${name}'`), error.message)
    assert.match(error.message, /'uri' has '\w+', which is not supported: \w+/)
  }
})

test('what works here, the Node driver accepts in the same words', () => {
  for (const [name, value] of Object.entries(WORKING)) parseOptions(withOption(name, value))
})

test('the documentation names every option, and says whether it works', async () => {
  const page = await readFile(new URL('../docs/connection-strings.md', import.meta.url), 'utf8')
  const [, works, refused] = page.split(/^## /m)
  for (const name of Object.keys(OPTIONS)) {
    const [here, elsewhere] = name in WORKING ? [works, refused] : [refused, works]
    const isListed = (text) => new RegExp(`^\\|[^|]*\`${name}\`[^|]*\\|`, 'm').test(text)
    assert.ok(isListed(here), `${name} is not listed`)
    assert.ok(!isListed(elsewhere), `${name} is listed twice`)
  }
})

test('the names of options are in any case', async () => {
  for (const [name, value] of Object.entries(WORKING)) {
    assert.equal(await refusal(withOption(name.toUpperCase(), value)), undefined, name)
  }
})

test('an unknown option is refused by name', async () => {
  const error = await refusal('mongodb://127.0.0.1:1/db?w=1&wtimeuotMS=5')
  assert.equal(error.code, 'ERR_STORE_OPTION')
  assert.match(error.message, /'uri' has the unknown option 'wtimeuotMS'/)
})

test('a value of the wrong kind is refused by the name of its option, and not repeated', async () => {
  const values = {
    tls: 'wrong',
    journal: '1',
    connectTimeoutMS: '5s',
    maxPoolSize: '-1',
    maxConnecting: '0',
    heartbeatFrequencyMS: '499',
    maxStalenessSeconds: '89&readPreference=nearest',
    compressors: 'wrong',
    zlibCompressionLevel: '10',
    readPreference: 'wrong',
    serverMonitoringMode: 'wrong',
    authMechanism: 'wrong',
    appName: 'wrong'.repeat(30),
    w: '0',
    replicaSet: '',
  }
  for (const [name, value] of Object.entries(values)) {
    const { code, message } = await refusal(withOption(name, value))
    assert.equal(code, 'ERR_STORE_OPTION')
    assert.ok(message.includes(`'${name}'`), message)
    assert.ok(!message.includes('wrong'), message)
  }
})

test('a mechanism that is not there is refused with the reason', async () => {
  const kerberos = await refusal(withOption('authMechanism', 'GSSAPI'))
  assert.match(kerberos.message, /GSSAPI.*Kerberos/)
  const callback = await refusal('mongodb://127.0.0.1:1/db?authMechanism=MONGODB-OIDC')
  assert.match(callback.message, /MONGODB-OIDC.*ENVIRONMENT/)
})

test('several hosts and a port do not go with SRV', async () => {
  for (const hosts of ['a.example.org,b.example.org', 'a.example.org:27017']) {
    const error = await refusal(`mongodb+srv://${hosts}/db`)
    assert.equal(error.code, 'ERR_STORE_OPTION')
  }
})

test('a name that SRV cannot resolve ends operations in time', async (t) => {
  const uri = 'mongodb+srv://me:secret@nowhere.invalid/db'
  const store = openStore(t, { uri, operationTimeout: 4000 })
  const error = await failure(store.get('sid'))
  assert.match(error.code, /^ERR_STORE_(CONNECTION|TIMEOUT)$/)
  await until(() => store.events.length > 0, 'the error event')
  const [{ name, value }] = store.events
  assert.equal(name, 'error')
  assert.equal(value.code, 'ERR_STORE_CONNECTION')
  assert.ok(!value.message.includes('secret'))
})

test('connection strings are read as the Node driver reads them', async (t) => {
  const { uri, db, sessions } = await database(t)
  const { host } = new URL(uri)
  const [, port] = host.split(':')
  const name = db.databaseName
  const spellings = [
    `mongodb://${host}/${name}?`,
    `mongodb://${host}/${name}?&w=1&`,
    `mongodb://${host}/${name}\n`,
    `mongodb://${host}/${name.replace('test', '%74es%74')}`,
    `mongodb://LOCALHOST:${port}/${name}?APPNAME=a+b%20%63`,
    `mongodb://${host}/${name}?compressors=none&authMechanism=DEFAULT`,
    `mongodb://${host}/${name}?serverSelectionTimeoutMS=0&connectTimeoutMS=0&maxPoolSize=0`,
    `mongodb://${host}/${name}?readPreference=nearest&readPreferenceTags=dc:none&readPreferenceTags=`,
    `mongodb://${host}/${name}?tls=false&tlsCAFile=nowhere.pem&ssl=false`,
  ]
  for (const [index, spelling] of spellings.entries()) {
    parseOptions(spelling)
    const store = openStore(t, { uri: spelling })
    await store.set(`sid${index}`, newSession())
    assert.equal(await sessions.countDocuments({ _id: `sid${index}` }), 1, spelling)
  }
})

test('without a database in its path, a connection string means the database test', async (t) => {
  const { uri } = await database(t)
  const { host } = new URL(uri)
  assert.equal(parseOptions(`mongodb://${host}?w=1`).dbName, 'test')
  const collection = `sessions_${process.pid}`
  const store = openStore(t, { uri: `mongodb://${host}?w=1`, collection })
  await store.set('sid', newSession())
  const client = await MongoClient.connect(`mongodb://${host}`)
  t.after(async () => {
    await store.close()
    await client.db('test').dropCollection(collection)
    await client.close()
  })
  assert.equal(await client.db('test').collection(collection).countDocuments(), 1)
})

for (const name of ['timeoutMS', 'socketTimeoutMS', 'waitQueueTimeoutMS']) {
  test(`${name} bounds operations`, async (t) => {
    const uri = `mongodb://127.0.0.1:${await freePort()}/db?${name}=300&connectTimeoutMS=0`
    // Only if this process stands still at the beginning is it known before that nobody listens there.
    const error = await until(async () => {
      const error = await failure(openStore(t, { uri }).get('sid'))
      return error.code !== 'ERR_STORE_CONNECTION' && error
    }, 'an operation that was called in time')
    assert.equal(error.code, 'ERR_STORE_TIMEOUT')
    assert.match(error.message, /300 ms/)
  })
}

test('serverSelectionTimeoutMS ends operations for which there is no server', async (t) => {
  const uri = `mongodb://127.0.0.1:${await freePort()}/db?serverSelectionTimeoutMS=300`
  const store = openStore(t, { uri, operationTimeout: 60_000 })
  const error = await failure(store.get('sid'))
  assert.equal(error.code, 'ERR_STORE_CONNECTION')
})

test('maxPoolSize limits the connections, and appName names them', async (t) => {
  const { uri } = await database(t)
  const client = await MongoClient.connect(uri)
  t.after(() => client.close())
  const appName = `pool-${process.pid}`
  const store = openStore(t, { uri: `${uri}?maxPoolSize=1&appName=${appName}` })
  await connected(store)
  await Promise.all(Array.from({ length: 200 }, (_, index) => store.set(`s${index}`, newSession())))
  await Promise.all(Array.from({ length: 200 }, (_, index) => store.get(`s${index}`)))
  const admin = client.db('admin')
  const stages = [
    { $currentOp: { idleConnections: true, allUsers: true } },
    { $match: { appName } },
  ]
  // Besides those of the pool there are the two with which the driver watches the server.
  await until(async () => {
    const operations = await admin.aggregate(stages).toArray()
    const { size } = new Set(operations.map(({ connectionId }) => connectionId))
    return size >= 1 && size <= 3
  }, 'at most three connections')
})
