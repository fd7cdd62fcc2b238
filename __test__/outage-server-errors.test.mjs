// A server that answers with errors, or closes the connection instead.
//
// Stepping down, a full disk and the like cannot be made to happen at a chosen command, so here
// MongoDB's own test command makes it answer with their codes. outage-replica-set.test.mjs has a
// primary that does step down, and outage-kill.test.mjs a server that may write no more.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { after } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import { METHODS, openProxy } from './outage-support.mjs'
import { connected, failure, newSession, openStore, until } from './support.mjs'

// Of a replica set, where writes carry transaction numbers and so may come again.
const mongod = await startMongod({
  replicaSet: 1,
  args: ['--setParameter', 'enableTestCommands=1'],
})
const server = `mongodb://127.0.0.1:${mongod.port}/`
const admin = await MongoClient.connect(mongod.uri)
after(async () => {
  await admin.close()
  await mongod.stop()
})

const SID = 'a-session-id'
const LIFETIME = 3_600_000

const COMMANDS = {
  get: 'find',
  set: 'update',
  touch: 'update',
  destroy: 'delete',
  all: 'find',
  length: 'aggregate',
  clear: 'delete',
}

/** A store, and how to let its next commands fail. */
async function storeOf(t, { through = server, ...options } = {}) {
  const database = `test_${randomUUID().slice(0, 8)}`
  const uri = withDatabase(through, database)
  // The fail point looks at every command of a kind, so that only the store's may be counted, and of those
  // only the ones on its collection: to begin a logical session, the server itself sends a find.
  const appName = `store-${randomUUID().slice(0, 8)}`
  const namespace = `${database}.sessions`
  // A driver that was told of a step-down waits for the server to say who it is. This one has not
  // changed, and so says that only with the next heartbeat.
  const query = `?directConnection=true&appName=${appName}&heartbeatFrequencyMS=500`
  const store = openStore(t, { uri: uri + query, operationTimeout: 60_000, ...options })
  await connected(store)
  await store.set(SID, newSession({ before: true }, LIFETIME))
  const failNext = (times, method, data) =>
    fail(times, { failCommands: [COMMANDS[method]], appName, namespace, ...data })
  return { store, database, appName, failNext }
}

/** Lets the next commands of a kind fail. Only one such order is in force. */
async function fail(times, data) {
  const mode = times === Infinity ? 'alwaysOn' : { times }
  await admin.db('admin').command({ configureFailPoint: 'failCommand', mode, data })
}

async function mend() {
  await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
}

/** Errors of a server that steps down, shuts down or was cut off, by their names. */
const TRANSIENT = {
  NotWritablePrimary: 10107,
  NotPrimaryNoSecondaryOk: 13435,
  InterruptedAtShutdown: 11600,
  InterruptedDueToReplStateChange: 11602,
  ShutdownInProgress: 91,
  PrimarySteppedDown: 189,
}

const UNKNOWN = '; whether the write was carried out is not known'

/** Every such method with an error, and every error with a method. */
function pairs() {
  const codes = Object.entries(TRANSIENT)
  return Object.entries(METHODS).map(([method, args], index) => {
    const [name, code] = codes[index % codes.length]
    return { method, args, name, code }
  })
}

test('what cannot be asked about one save fails no other of its command', async (t) => {
  const proxy = await openProxy(t, mongod.port)
  const { store, database, failNext } = await storeOf(t, { through: proxy.uri })
  const load = async (sid) => {
    await store.set(sid, newSession())
    const session = store.createSession({ sessionID: sid }, await store.get(sid))
    return Object.assign(session, { changed: true })
  }
  const sessions = admin.db(database).collection('sessions')
  let lifetime = LIFETIME
  // On a busy machine they may leave one by one, and then there is nothing to ask.
  await until(async () => {
    const codes = await saveTogether()
    assert.equal(codes[2], undefined)
    return codes[0] === 'ERR_STORE_SERVER' && codes[1] === 'ERR_STORE_SERVER'
  }, 'saves that leave together')
  assert.equal((await store.get('kept')).changed, true)

  async function saveTogether() {
    lifetime += 2 * LIFETIME
    const [gone, kept] = [await load('gone'), await load('kept')]
    await sessions.deleteOne({ _id: 'gone' })
    // That a session was missing is told by no name, so that the store has to ask for it.
    await failNext(1, 'get', { errorCode: 8000 })
    // What is called while a write is out waits, and leaves with one command.
    proxy.stall(['down'])
    const touched = store.touch(SID, newSession({}, lifetime))
    const late = new Date(Date.now() + lifetime - LIFETIME)
    await until(() => sessions.findOne({ _id: SID, expires: { $gt: late } }), 'a touch to arrive')
    const calls = [store.set('gone', gone), store.set('kept', kept), store.set('new', newSession())]
    proxy.resume()
    await touched
    const saves = await Promise.allSettled(calls)
    await mend()
    return saves.map(({ reason }) => reason?.code)
  }
})

test('an error of stepping down once is followed by success, for every method', async (t) => {
  const { store, failNext } = await storeOf(t)
  for (const { method, args, code } of pairs()) {
    await failNext(1, method, { errorCode: code })
    await store[method](...args(SID))
  }
  assert.deepEqual(store.events, [])
})

// WriteConflict, QueryPlanKilled, DatabaseDropPending and TemporarilyUnavailable: what a drop or another writer does to
// a command by chance.
test('what something else has overtaken at the server comes again, for every method', async (t) => {
  const { store, failNext } = await storeOf(t)
  const codes = [112, 175, 215, 365]
  for (const [index, [method, args]] of Object.entries(METHODS).entries()) {
    await failNext(2, method, { errorCode: codes[index % codes.length] })
    await store[method](...args(SID))
  }
  assert.deepEqual(store.events, [])
})

test('a removal of expired sessions that something overtakes is no warning', async (t) => {
  const options = { autoRemove: 'interval', autoRemoveInterval: 50 }
  const { store, database, failNext } = await storeOf(t, options)
  await failNext(3, 'clear', { errorCode: 175 })
  const sessions = admin.db(database).collection('sessions')
  await sessions.insertOne({ _id: 'old', expires: new Date(0), session: { cookie: {} } })
  await until(async () => (await sessions.findOne({ _id: 'old' })) === null, 'the removal')
  assert.deepEqual(store.events, [])
})

test('sessions that are saved while their database is dropped are stored in the next one', async (t) => {
  const [plain, named] = [await storeOf(t), await storeOf(t, { fields: { id: 'sid' } })]
  const name = 'dropDatabaseHangAfterAllCollectionsDrop'
  const hang = (mode) => admin.db('admin').command({ configureFailPoint: name, mode })
  t.after(() => hang('off'))
  await hang('alwaysOn')
  const stores = [plain, named]
  const dropped = stores.map(({ database }) => admin.db(database).dropDatabase())
  for (const { database } of stores) {
    const collections = () => admin.db(database).listCollections().toArray()
    await until(async () => (await collections()).length === 0, 'the drop of the collections')
  }
  const retries = ({ store }) => store.stats().retries
  const before = stores.map(retries)
  const saved = stores.map(({ store }) => store.set('new', newSession({ n: 1 })))
  await Promise.race([
    until(() => stores.every((each, index) => retries(each) > before[index]), 'refusals'),
    Promise.all(saved),
  ])
  await hang('off')
  await Promise.all([...dropped, ...saved])
  for (const { store } of stores) assert.equal((await store.get('new')).n, 1)
})

test('no list of users and no log-in depends on a cursor that may be gone', async (t) => {
  const { store, database, failNext } = await storeOf(t, {
    userId: (session) => session.user,
    maxPerUser: 200,
  })
  t.after(mend)
  // MongoDB keeps a cursor open for more documents than 101.
  const numbers = Array.from({ length: 150 }, (_, n) => n)
  const session = { cookie: {} }
  const expires = new Date(Date.now() + LIFETIME)
  const documents = numbers.flatMap((n) => [
    { _id: `user-${n}`, expires, session, userId: `user-${n}` },
    { _id: `ada-${n}`, expires, session, userId: 'ada' },
  ])
  await admin.db(database).collection('sessions').insertMany(documents)
  // CursorNotFound.
  await failNext(Infinity, 'all', { failCommands: ['getMore'], errorCode: 43 })
  await store.set('log-in', newSession({ user: 'ada' }))
  const users = []
  for await (const user of store.users()) users.push(user)
  assert.equal(users.length, 151)
})

test('what was ended in the midst is told, and nothing of it is carried out twice', async (t) => {
  const { store, failNext } = await storeOf(t)
  t.after(mend)
  // LockTimeout, CursorKilled, ClientDisconnect, InterruptedDueToStorageChange, Interrupted.
  for (const errorCode of [24, 237, 279, 355, 11601]) {
    await failNext(Infinity, 'set', { errorCode })
    const before = store.stats().commands.update.sent
    const first = store.set('a', newSession())
    // What is called while writes are out leaves together.
    const calls = Array.from({ length: 20 }, (_, n) => store.set(`sid${n}`, newSession()))
    const outcomes = await Promise.allSettled([first, ...calls])
    assert.ok(outcomes.every(({ reason }) => reason?.mongoCode === errorCode))
    const sent = store.stats().commands.update.sent - before
    assert.ok(sent < outcomes.length, `${sent} commands for code ${errorCode}`)
  }
})

test('what a server has refused because of its load comes again, for every method', async (t) => {
  const { store, database, failNext } = await storeOf(t)
  const errorLabels = ['SystemOverloadedError', 'RetryableError', 'NoWritesPerformed']
  // Touches do not: overload.test.mjs.
  const { touch: _, ...methods } = METHODS
  for (const [method, args] of Object.entries(methods)) {
    await failNext(1, method, { errorCode: 462, errorLabels })
    await store[method](...args(SID))
  }
  assert.equal(await admin.db(database).collection('sessions').countDocuments(), 0)
  assert.deepEqual(store.events, [])
})

test('what a stepping-down server may have done to many sessions is not done again by an id field', async (t) => {
  // Which need not be unique, so that the server does not know a statement about one session again.
  const { store, failNext } = await storeOf(t, { fields: { id: 'sid' } })
  for (const [name, code] of Object.entries(TRANSIENT)) {
    // Or there would be nothing to delete.
    await store.set(SID, newSession())
    await failNext(1, 'clear', { errorCode: code })
    const cleared = store.clear()
    // The server has not even begun.
    if (name.startsWith('Not')) {
      await cleared
      continue
    }
    const error = await failure(cleared)
    assert.equal(error.mongoCode, code)
    const message = `MongoDB did not finish the clear: ${name} (code ${code})${UNKNOWN}`
    assert.equal(error.message, message)
  }
})

test('a connection that the server closes once is followed by success, for every method', async (t) => {
  const { store, failNext } = await storeOf(t)
  for (const [method, args] of Object.entries(METHODS)) {
    await failNext(1, method, { closeConnection: true })
    await store[method](...args(SID))
  }
  assert.deepEqual(store.events, [])
})

test('errors that stay carry the code, the name and the labels of MongoDB', async (t) => {
  const { store, failNext } = await storeOf(t)
  t.after(mend)
  for (const [method, args] of Object.entries(METHODS)) {
    await failNext(Infinity, method, {
      // One of those after which the driver keeps its connections.
      errorCode: TRANSIENT.InterruptedDueToReplStateChange,
      errorLabels: ['RetryableWriteError', 'Own'],
    })
    const error = await failure(store[method](...args(`${SID}-${method}`)))
    assert.equal(error.code, 'ERR_STORE_SERVER', method)
    assert.equal(error.mongoCode, 11_602)
    assert.equal(error.mongoCodeName, 'InterruptedDueToReplStateChange')
    assert.deepEqual([...error.mongoLabels].sort(), ['Own', 'RetryableWriteError'])
    const message = `the ${method}: InterruptedDueToReplStateChange (code 11602)`
    const isRead = ['find', 'aggregate'].includes(COMMANDS[method])
    const expected = isRead
      ? `MongoDB refused ${message}`
      : `MongoDB did not finish ${message}${UNKNOWN}`
    assert.equal(error.message, expected)
  }
  await mend()
  assert.equal((await store.get(SID)).before, true)
})

test('a full disk is an error with the code of MongoDB, and is not tried again', async (t) => {
  const { store, failNext } = await storeOf(t)
  for (const method of ['set', 'touch', 'clear', 'destroy']) {
    await failNext(1, method, { errorCode: 14031 })
    const error = await failure(store[method](...METHODS[method](SID)))
    assert.deepEqual(
      [error.code, error.mongoCode, error.mongoCodeName, error.mongoLabels],
      ['ERR_STORE_SERVER', 14031, 'OutOfDiskSpace', []],
    )
  }
  assert.equal((await store.get(SID)).before, true)
})

/** A write that was carried out, but not as safely as the write concern demands. */
const concernError = (codeName, code) => ({ writeConcernError: { code, codeName, errmsg: '' } })

test('a write that was not replicated in time is an error with the code of MongoDB', async (t) => {
  const { store, failNext } = await storeOf(t)
  for (const method of ['set', 'touch', 'clear', 'destroy']) {
    await failNext(1, method, concernError('WriteConcernFailed', 64))
    const error = await failure(store[method](...METHODS[method](SID)))
    assert.equal(error.code, 'ERR_STORE_SERVER', method)
    assert.equal(error.mongoCode, 64)
    assert.equal(error.mongoCodeName, 'WriteConcernFailed')
  }
})

test('a write that a stepping-down server could not replicate is sent again', async (t) => {
  const { store, failNext } = await storeOf(t)
  for (const [name, code] of Object.entries(TRANSIENT)) {
    for (const method of ['set', 'touch', 'destroy']) {
      await failNext(1, method, concernError(name, code))
      await store[method](...METHODS[method](SID))
    }
  }
})

test('a write concern error that stays has the labels of MongoDB', async (t) => {
  const { store, failNext } = await storeOf(t)
  t.after(mend)
  for (const method of ['set', 'touch', 'clear', 'destroy']) {
    await failNext(Infinity, method, {
      ...concernError('ShutdownInProgress', 91),
      errorLabels: ['RetryableWriteError'],
    })
    const error = await failure(store[method](...METHODS[method](SID)))
    assert.equal(error.code, 'ERR_STORE_SERVER', method)
    assert.equal(error.mongoCode, 91)
    assert.equal(error.mongoCodeName, 'ShutdownInProgress')
    assert.deepEqual(error.mongoLabels, ['RetryableWriteError'])
  }
})
