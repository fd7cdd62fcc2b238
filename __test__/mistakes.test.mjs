// A table of mistakes and what is said about each of them: an error names the thing and what to do, and never
// what may be secret.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import test, { after, before } from 'node:test'
import express from 'express'
import session from 'express-session'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '../index.mjs'
import { startMongod } from '../scripts/mongod.mjs'
import { openProxy, ownMongod, works } from './outage-support.mjs'
import {
  afterwards,
  database,
  failure,
  freePort,
  openStore,
  runProgram,
  until,
} from './support.mjs'

const SECRET = 'hunter2'

/** What is wrong at construction, and what the error says of it. */
const AT_CONSTRUCTION = [
  [{ uri: '' }, /'uri' is empty/],
  [{ uri: 'localhost:27017/d' }, /'uri' does not begin with mongodb:\/\/ or mongodb\+srv:\/\//],
  [{ uri: `http://me:${SECRET}@h` }, /'uri' begins with http:\/\/, .* mongodb:\/\//],
  [{ uri: `mongo://me:${SECRET}@h` }, /'uri' begins with mongo:\/\//],
  [{ uri: 'mongodb://' }, /'uri' names no host/],
  [{ uri: 'undefined' }, /'uri' is the text 'undefined': a variable that was not set/],
  [{ uri: '${MONGODB_URI}' }, /'uri' begins as a variable that was not replaced/],
  [{ uri: 'memory' }, /'uri' has to be memory: with its colon/],
  [
    { uri: 'mongodb+srv://me:<db_password>@a.b.c/d' },
    /'uri' still has <db_password>, .* in its place/,
  ],
  [{ uri: `mongodb://:${SECRET}@h/d` }, /'uri' has a password without a user name/],
  [{ uri: 'mongodb://h/my sessions' }, /'uri' names a database that MongoDB does not allow/],
  [
    { driverOptions: { auth: SECRET } },
    /'driverOptions\.auth' must be an object of .* got a string/,
  ],
  [{ driverOptions: { serverApi: {} } }, /'driverOptions\.serverApi' needs a 'version'/],
  [{ driverOptions: { readConcern: {} } }, /'driverOptions\.readConcern' must be .* 'level'/],
  [
    { driverOptions: { readPreference: { mode: 'secondary', tags: 'dc:east' } } },
    /'driverOptions\.readPreference\.tags' must be objects/,
  ],
  [{ driverOptions: Promise.resolve({}) }, /'driverOptions' must be an object, got a promise/],
  [{ indexes: [() => 1] }, /'indexes' must be an object, got an array/],
  [{ encryption: { secret: SECRET } }, /'encryption\.secret', did you mean 'encryption\.keys'/],
  [{ uri: `mongodb://me:${SECRET}@h:99999` }, /'uri' has a port that is no whole number/],
  [{ uri: `mongodb://me:${SECRET}@x@h` }, /'uri' has more than one @; .* %40/],
  [{ uri: `mongodb://me:${SECRET}/x@h` }, /'uri' has a \/ in front of its @; .* %2F/],
  [{ uri: `mongodb://me:${SECRET}#x@h` }, /'uri' has a #; .* %23/],
  [{ uri: `mongodb://me:${SECRET}?x@h` }, /'uri' has a \? in front of its @; .* %3F/],
  [{ uri: `mongodb://me:${SECRET}%x@h` }, /'uri' has a % without a code; .* %25/],
  [{ uri: `mongodb://me:${SECRET}:x@h` }, /'uri' has more than one colon .* %3A/],
  [{ uri: `mongodb+srv://me:${SECRET}@h.example.com:27017` }, /'uri' begins .* has no port/],
  [{ uri: 'mongodb+srv://a.b.c,d.e.f' }, /'uri' begins .* names one host only/],
  [{ uri: 'mongodb://h/d?retryWrite=true' }, /option 'retryWrite', did you mean 'retryWrites'/],
  [{ uri: 'mongodb://h/d?poolSize=5' }, /option 'poolSize', did you mean 'maxPoolSize'/],
  [{ driverOptions: { poolSize: 5 } }, /poolSize' is not known, did you mean 'maxPoolSize'/],
  [{ driverOptions: { tlsCAFile: 'ca.pem' } }, /'driverOptions\.tlsCAFile' needs tls=true/],
  [{ collectionName: 's' }, /unknown option 'collectionName', did you mean 'collection'/],
  [{ mongoUrl: SECRET }, /unknown option 'mongoUrl', did you mean 'uri'/],
  [{ connectionString: SECRET }, /'connectionString', did you mean 'uri'/],
  [{ databaseName: 'd' }, /'databaseName', did you mean 'dbName'/],
  [{ db: {} }, /'db', did you mean 'dbName' for its name, or 'client' for a Db/],
  [{ mongooseConnection: {} }, /'mongooseConnection', did you mean 'client'/],
  [{ retryWrite: true }, /'retryWrite', did you mean 'driverOptions.retryWrites'/],
  [{ poolSize: 5 }, /'poolSize', did you mean 'driverOptions.maxPoolSize'/],
  [{ CollectionName: 's' }, /'CollectionName', did you mean 'collection'/],
  [{ tls: true }, /unknown option 'tls', did you mean 'driverOptions.tls'/],
  [{ ssl: true }, /unknown option 'ssl', did you mean 'driverOptions.tls'/],
  [{ replicaset: 'rs0' }, /'replicaset', did you mean 'driverOptions.replicaSet'/],
  [{ authSource: 'admin' }, /'authSource', did you mean 'driverOptions.authSource'/],
  [{ useUnifiedTopology: true }, /, did you mean 'driverOptions.useUnifiedTopology'/],
  [{ password: SECRET }, /unknown option 'password', did you mean 'uri'/],
  [{ w: 'majority' }, /unknown option 'w', did you mean 'writeConcern'/],
  [{ expires: 60_000 }, /unknown option 'expires', did you mean 'ttl'/],
  [{ resave: false }, /unknown option 'resave': it is one of express-session/],
  [{ name: 'sid' }, /unknown option 'name': it is one of express-session/],
  [{ keys: [SECRET] }, /unknown option 'keys', did you mean 'encryption.keys'/],
  [{ lastAccess: 'seen' }, /unknown option 'lastAccess', did you mean 'fields.lastAccess'/],
  [{ grace: 5 }, /'grace', did you mean 'deleteGrace', or the option 'grace' of the method renew/],
  [{ xyz: 5 }, /unknown option 'xyz'$/],
  [Promise.resolve({ uri: 'mongodb://h/d' }), /options must be an object, got a promise/],
  [new URL(`mongodb://me:${SECRET}@h`), /options must be an object, got .* URL/],
  [`mongodb://me:${SECRET}@h`, /options must be an object such as \{ uri \}, got string/],
]

for (const [options, message] of AT_CONSTRUCTION) {
  test(`what is said of ${typeof options === 'string' ? 'a string' : Object.keys(options)[0]}: ${message.source}`, () => {
    assert.throws(
      () => new MongoSessionStore(options),
      (error) => {
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, 'ERR_STORE_OPTION')
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, new RegExp(SECRET))
        return true
      },
    )
  })
}

/** The error of a store's first call, which every event of it has to match. */
async function firstFailure(t, options, message) {
  const store = openStore(t, options)
  const error = await failure(store.get('sid'))
  await until(() => store.events.length > 0, 'the error event')
  for (const each of [error, ...store.events.map(({ value }) => value)]) {
    assert.match(each.message, message)
    assert.doesNotMatch(`${each.message} ${each.cause?.message}`, new RegExp(SECRET))
  }
  return error
}

test('which host could not be reached is said', async (t) => {
  const port = await freePort()
  const uri = `mongodb://me:${SECRET}@127.0.0.1:${port}/d`
  await firstFailure(t, { uri }, new RegExp(`reached \\(127\\.0\\.0\\.1:${port}: .*refused`))
})

test('a port on which something else answers is said to be none of MongoDB', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'.repeat(9))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set()
  server.on('connection', (socket) => sockets.add(socket))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address()
  const uri = `mongodb://127.0.0.1:${port}/d`
  const words = `127\\.0\\.0\\.1:${port}: (what answers there is no MongoDB server|.*broke)`
  await firstFailure(t, { uri }, new RegExp(words))
})

/** A standalone that no test hurts. */
let standalone
before(async () => (standalone = await startMongod()))
after(() => standalone.stop())

test('a wrong name of the replica set is said', async (t) => {
  const uri = `mongodb://127.0.0.1:${standalone.port}/d?replicaSet=rs7`
  await firstFailure(t, { uri }, /no server that answered belongs to a replica set .* 'rs7'/)
})

test('a direct connection to a server that is no member of the replica set is said', async (t) => {
  const uri = `mongodb://127.0.0.1:${standalone.port}/d?directConnection=true&replicaSet=rs7`
  await firstFailure(
    t,
    { uri },
    /127.*: the server does not belong to .* 'replicaSet' .*leave that out/,
  )
})

test('loadBalanced without a load balancer is said', async (t) => {
  const uri = `mongodb://127.0.0.1:${standalone.port}/d?loadBalanced=true`
  await firstFailure(t, { uri }, /'loadBalanced' says; leave that out/)
})

test('without a listener, an unreachable host is a warning of the process that names it', async () => {
  const port = await freePort()
  const { stderr } = await runProgram(`
    const store = new MongoSessionStore({ uri: 'mongodb://127.0.0.1:${port}/d' })
    await store.get('sid').catch(() => {})
    await store.close()
  `)
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}: .*refused`))
})

test('a name without SRV records is said with the name', async (t) => {
  const uri = `mongodb+srv://me:${SECRET}@cluster.does-not-exist.invalid/d`
  const error = await firstFailure(t, { uri }, /cluster\.does-not-exist\.invalid/)
  assert.doesNotMatch(`${error.message} ${error.cause?.message}`, /no answer within/)
})

test('a missing file of certificates is said, at once and with its path', async (t) => {
  const uri = 'mongodb://127.0.0.1:1/d?tls=true&tlsCAFile=/nowhere/ca.pem'
  const error = await firstFailure(t, { uri }, /'tlsCAFile' cannot be read: \/nowhere\/ca\.pem/)
  assert.doesNotMatch(`${error.message} ${error.cause?.message}`, /no answer within/)
})

test('why the promise of a client was rejected is the cause', async (t) => {
  const reason = new Error(`no way with ${SECRET}`)
  const store = openStore(t, { client: Promise.reject(reason) })
  const error = await failure(store.get('sid'))
  assert.equal(error.code, 'ERR_STORE_OPTION')
  assert.equal(error.cause, reason)
  assert.doesNotMatch(error.message, new RegExp(SECRET))
  await until(() => store.events.length > 0, 'the error event')
  assert.ok(store.events.every(({ value }) => value.cause === reason))
})

test('calls that wait when an outage begins end with it', async (t) => {
  const proxy = await openProxy(t, standalone.port)
  const store = openStore(t, { uri: proxy.uri, operationTimeout: 600_000 })
  await works(store)
  proxy.arrivals = 'stall'
  proxy.stall()
  const cookie = { expires: new Date(Date.now() + 60_000) }
  const errors = await Promise.all(
    [
      store.get('a'),
      store.set('b', { cookie }),
      store.set('b', { cookie }),
      store.destroy('c'),
      store.length(),
      store.ids(),
      store.clear(),
      store.get('a'),
      store.ping(),
    ].map(failure),
  )
  for (const { code } of errors) assert.equal(code, 'ERR_STORE_CONNECTION')
  proxy.resume()
})

/** What the store says of one who may not, by who that is: nobody, somebody without a role, a wrong password. */
const LOG_INS = [
  ['', 'ERR_STORE_SERVER', 13, 'Unauthorized', /wants a user to log in, and .* has none/],
  [
    `guest:${SECRET}@`,
    'ERR_STORE_SERVER',
    13,
    'Unauthorized',
    /no role .* database 'sessions'.*readWrite/,
  ],
  [
    'guest:wrong@',
    'ERR_STORE_CONNECTION',
    18,
    'AuthenticationFailed',
    /database 'elsewhere'.*authSource/,
  ],
]

test('no log-in, a missing role and a wrong password are told apart; ping fails as every get does', async (t) => {
  const mongod = await ownMongod(t, { auth: { user: 'root', password: SECRET } })
  const root = await MongoClient.connect(mongod.uri)
  afterwards(t, () => root.close())
  await root.db('elsewhere').command({
    createUser: 'guest',
    pwd: SECRET,
    roles: [{ role: 'read', db: 'elsewhere' }],
  })
  for (const [login, code, mongoCode, mongoCodeName, words] of LOG_INS) {
    const uri = `mongodb://${login}127.0.0.1:${mongod.port}/sessions?authSource=elsewhere`
    const store = openStore(t, { uri: login === '' ? uri.split('?')[0] : uri })
    // A log-in takes some computing, and a busy machine more time than a server is given at first.
    const isRefused = async () => (await failure(store.ping())).mongoCode !== undefined
    await until(isRefused, 'what the server says')
    for (const call of [store.get('sid'), store.ping(), store.set('sid', { cookie: {} })]) {
      const error = await failure(call)
      assert.deepEqual(
        [error.code, error.mongoCode, error.mongoCodeName],
        [code, mongoCode, mongoCodeName],
      )
      assert.match(error.message, words)
      assert.doesNotMatch(error.message, new RegExp(`${SECRET}|guest|wrong@`))
    }
  }
})

test('the code of what the server refuses has the name that the server gives it', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions', { validator: { 'session.user': { $type: 'string' } } })
  await sessions.createIndex({ 'session.a': 1, 'session.b': 1 })
  const store = openStore(t, { uri })
  const refused = [
    [{ user: 5 }, 121, 'DocumentValidationFailure'],
    [{ user: 'ada', a: [1], b: [2] }, 171, 'CannotIndexParallelArrays'],
  ]
  for (const [data, code, name] of refused) {
    const error = await failure(store.set('sid', { cookie: {}, ...data }))
    assert.deepEqual([error.mongoCode, error.mongoCodeName], [code, name])
  }
})

test('thirty middlewares on one store draw no warning', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const warnings = []
  const note = (warning) => warnings.push(warning)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  const app = express()
  for (let count = 0; count < 30; count++) {
    app.use(session({ secret: 'x', store, resave: false, saveUninitialized: false }))
  }
  assert.ok(store.listenerCount('disconnect') >= 30)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, [])
})
