// The option `fallbackMemory`: a start without a server.
import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '../index.mjs'
import { withUser } from '../scripts/mongodb-uri.mjs'
import { Browser, serve, sessionOf } from './express-support.mjs'
import express from 'express'
import { assertUnreachable, openProxy, ownMongod, witness, works } from './outage-support.mjs'
import {
  PATIENT,
  connected,
  database,
  failure,
  freePort,
  newSession,
  openStore,
  runProgram,
  until,
} from './support.mjs'

/** A connection string that leads nowhere. */
async function nowhere(query = 'serverSelectionTimeoutMS=300') {
  return `mongodb://127.0.0.1:${await freePort()}/express_sessions?${query}`
}

/** Opens a store with the option, and takes note of everything that it emits. */
function open(t, options) {
  const store = openStore(t, { fallbackMemory: true, ...options })
  const names = []
  for (const name of ['info', 'connect', 'disconnect', 'error', 'warning']) {
    store.on(name, (value) => names.push(name === 'info' ? value : name))
  }
  return Object.assign(store, { names })
}

/** Waits for the only event, which says that the sessions are in memory. */
async function fellBack(store) {
  await until(() => store.names.length > 0, 'the warning')
  assert.deepEqual(store.names, ['warning'])
  const [{ value }] = store.events
  assert.equal(value.code, 'ERR_STORE_FALLBACK')
  return value
}

async function sessionsWork(store) {
  await store.set('sid', newSession({ user: 'ada' }))
  await store.touch('sid', newSession())
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal(await store.length(), 1)
  await store.ping()
  await store.destroy('sid')
  assert.equal(await store.get('sid'), null)
}

test('without a server at start the sessions are kept in memory, and a warning says why', async (t) => {
  const address = await nowhere()
  const secret = { user: 'me', password: 'hunter2' }
  const store = open(t, { uri: withUser(address, secret) })
  // Called before it is decided.
  const saved = store.set('early', newSession({ user: 'ada' }))
  await saved
  assert.equal((await store.get('early')).user, 'ada')
  await store.clear()
  await sessionsWork(store)
  const warning = await fellBack(store)
  assert.match(warning.message, /memory of this process/)
  assertUnreachable(warning.cause)
  assert.ok(!inspect(warning, { depth: 9 }).includes(secret.password))
  assert.equal(store.connected, false)
  await store.close()
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_CLOSED')
  assert.deepEqual(store.names, ['warning', 'Closing MongoDB connection to session store.'])
})

test('it is decided within half the operationTimeout, so that nothing times out', async (t) => {
  const store = open(t, { uri: await nowhere(''), operationTimeout: 6000 })
  // That they are answered at all says that they were in time.
  await Promise.all([store.set('a', newSession()), store.get('b'), store.destroy('c')])
  await fellBack(store)
})

test('a server that says nothing is no server', async (t) => {
  const mongod = await ownMongod(t)
  const proxy = await openProxy(t, mongod.port)
  proxy.arrivals = 'stall'
  const store = open(t, { uri: `${proxy.uri}?serverSelectionTimeoutMS=750` })
  await sessionsWork(store)
  await fellBack(store)
})

test('a server that comes later is not used: the sessions stay where they are', async (t) => {
  const mongod = await ownMongod(t)
  await mongod.kill()
  const store = open(t, { uri: `${mongod.uri}?serverSelectionTimeoutMS=300` })
  await store.set('sid', newSession({ user: 'ada' }, 3_600_000))
  await fellBack(store)
  await mongod.start()
  const sessions = await witness(t, mongod.uri)
  await store.set('later', newSession())
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal(await store.length(), 2)
  assert.equal(await sessions.countDocuments(), 0)
  assert.equal(store.connected, false)
  assert.deepEqual(store.names, ['warning'])
})

test('with a server at start nothing is different', async (t) => {
  const { uri, sessions } = await database(t)
  const store = open(t, { uri, ...PATIENT })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await sessions.findOne()).session.user, 'ada')
  await until(async () => (await sessions.indexes()).length === 2, 'the index')
  await connected(store)
  await sessionsWork(store)
  assert.deepEqual(store.names, ['Connected to MongoDB for session store.', 'connect'])
})

test('a server that goes away later is an outage, and the sessions are there after it', async (t) => {
  const mongod = await ownMongod(t)
  const uri = `${mongod.uri}?journal=true`
  const store = await connected(open(t, { uri, ...PATIENT }))
  await store.set('sid', newSession({ user: 'ada' }, 3_600_000))
  await mongod.kill()
  await until(() => store.names.includes('error'), 'the outage')
  assertUnreachable(await failure(store.get('sid')))
  await mongod.start()
  await works(store)
  assert.equal((await store.get('sid')).user, 'ada')
  assert.ok(!store.names.includes('warning'))
})

test('a server that does not accept the credentials is there, and is no reason to fall back', async (t) => {
  const mongod = await ownMongod(t, { auth: { user: 'root', password: 'r00t' } })
  const address = `mongodb://127.0.0.1:${mongod.port}/express_sessions?authSource=admin`
  const uri = withUser(address, { user: 'root', password: 'wrong' })
  const store = open(t, { uri, ...PATIENT })
  assertUnreachable(await failure(store.set('sid', newSession())), ['wrong'])
  await until(() => store.names.length > 0, 'the error')
  assert.deepEqual(store.names, ['error'])
})

test('a client that leads nowhere is no server, and neither is one that never comes', async (t) => {
  const client = new MongoClient(await nowhere())
  t.after(() => client.close())
  const store = open(t, { client: Promise.resolve(client) })
  await sessionsWork(store)
  await fellBack(store)

  const secret = { user: 'me', password: 'hunter2' }
  const rejected = MongoClient.connect(withUser(await nowhere(), secret))
  const other = open(t, { client: rejected })
  // Called before it is decided.
  await sessionsWork(other)
  const warning = await fellBack(other)
  assert.equal(warning.cause.code, 'ERR_STORE_CONNECTION')
  assert.match(warning.cause.message, /application could not connect/)
  assert.ok(!inspect(warning, { depth: 9 }).includes(secret.password))
  assert.equal(other.connected, false)
})

test('a promise of something else than a client is an error, and not covered up', async (t) => {
  const store = open(t, { client: Promise.resolve({}) })
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_OPTION')
  await until(() => store.names.length > 0, 'the error')
  assert.deepEqual(store.names, ['error'])
})

test('a store may be closed before it is decided', async (t) => {
  const store = open(t, { uri: await nowhere(''), operationTimeout: 60_000 })
  const since = Date.now()
  await store.close()
  assert.ok(Date.now() - since < 10_000, `took ${Date.now() - since} ms`)
  assert.deepEqual(store.names, ['Closing MongoDB connection to session store.'])
})

test('expired sessions are removed from memory as from anywhere', async (t) => {
  const store = open(t, { uri: await nowhere(), autoRemove: 'interval', autoRemoveInterval: 50 })
  await store.set('sid', newSession({}, 100))
  await until(async () => (await store.length()) === 0, 'the expiry')
  await fellBack(store)
})

test('an app without a database goes on', async (t) => {
  const app = express()
  app.use(sessionOf(open(t, { uri: await nowhere() })))
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(`${req.session.views} views`)
  })
  const browser = new Browser(await serve(t, app))
  assert.equal((await browser.get('/')).text, '1 views')
  assert.equal((await browser.get('/')).text, '2 views')
})

test('without a listener it is a warning of the process, and the process ends by itself', async () => {
  const { code, stdout, stderr } = await runProgram(
    `const store = new MongoSessionStore({ uri: process.argv[1], fallbackMemory: true })
     process.on('warning', ({ code }) => console.log(code))
     store.set('sid', { cookie: { path: '/' } }, (error) => console.log(error))`,
    { args: [await nowhere()] },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').sort(), ['ERR_STORE_FALLBACK', 'null'])
})

test('the embedded engine has nothing to fall back from', async (t) => {
  const store = open(t, { uri: 'memory:' })
  await sessionsWork(store)
  await connected(store)
  assert.deepEqual(store.events, [])
})

test('what is wrong with the options stays a TypeError', () => {
  for (const [name, options] of [
    ['fallbackMemory', { fallbackMemory: 'yes' }],
    ['fallbackMemory', { fallbackMemory: 1 }],
    ['uri', { uri: 'localhost', fallbackMemory: true }],
    ['uri', { uri: 'mongodb://h/d?nonsense=1', fallbackMemory: true }],
  ]) {
    assert.throws(
      () => new MongoSessionStore(options),
      (error) => error instanceof TypeError && error.message.includes(`'${name}'`),
    )
  }
})
