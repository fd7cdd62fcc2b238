import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import {
  PATIENT,
  afterwards,
  connected,
  failure,
  freePort,
  freeze,
  newSession,
  openStore,
  ownMongod,
  runProgram,
  succeeds,
  until,
} from './support.mjs'

const SID = 'a-session-id'
const PASSWORD = 'hunter2'

const METHODS = {
  get: [SID],
  set: [SID, newSession({ data: 'private' })],
  touch: [SID, newSession()],
  destroy: [SID],
  all: [],
  length: [],
  clear: [],
}

/** Calls every method at once; each has to fail in time, and to say why and nothing else. */
async function everyMethodFails(store, timeout) {
  await Promise.all(
    Object.entries(METHODS).map(async ([method, args]) => {
      const since = Date.now()
      const error = await failure(store[method](...args))
      const took = Date.now() - since
      assert.ok(took < timeout + 8000, `${method} took ${took} ms`)
      assert.match(error.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/, method)
      const told = [error.message, error.stack, JSON.stringify(error)].join()
      for (const secret of [SID, PASSWORD, 'private']) assert.ok(!told.includes(secret), told)
    }),
  )
}

/** What a call answers once a server that has just come back is quick enough for a short limit. */
function eventually(call) {
  return until(() => call().catch(() => undefined), 'an answer in time')
}

test('with the server down every operation fails within operationTimeout', async (t) => {
  const uri = `mongodb://me:${PASSWORD}@127.0.0.1:${await freePort()}/db`
  const store = openStore(t, { uri, operationTimeout: 300 })
  await everyMethodFails(store, 300)
  await everyMethodFails(store, 300)
})

test('a server that is down is one error event', async (t) => {
  const uri = `mongodb://127.0.0.1:${await freePort()}/db`
  const store = openStore(t, { uri, operationTimeout: 200 })
  await until(() => store.events.length > 0, 'the error event')
  await Promise.all(Array.from({ length: 20 }, () => failure(store.get(SID))))
  await failure(store.get(SID))
  assert.deepEqual(
    store.events.map(({ name, value }) => [name, value.code]),
    [['error', 'ERR_STORE_CONNECTION']],
  )
  assert.equal(store.connected, false)
})

test('with the server frozen every operation fails within operationTimeout', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 500 })
  await until(() => succeeds(store.set(SID, newSession({ before: true }))), 'the server')
  await freeze(mongod.pid)
  await everyMethodFails(store, 500)
  await everyMethodFails(store, 500)
  process.kill(mongod.pid, 'SIGCONT')
  await until(() => succeeds(store.set(SID, newSession({ after: true }))), 'the server')
  assert.equal((await eventually(() => store.get(SID))).after, true)
})

test('a timeout names the method and what was waited for', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 250 })
  await until(() => succeeds(store.set(SID, newSession())), 'the server')
  await freeze(mongod.pid)
  const methods = [['get'], ['set', newSession()], ['touch', newSession()]]
  const calls = methods.flatMap(([method, ...args]) =>
    // Some of them are on their way when the time is up, others still wait for their turn.
    Array.from({ length: 20 }, async (_, n) => {
      const error = await failure(store[method](`${SID}${n}`, ...args))
      assert.equal(error.code, 'ERR_STORE_TIMEOUT')
      assert.match(error.message, new RegExp(`^${method} timed out after 250 ms while waiting for`))
    }),
  )
  await Promise.all(calls)
})

test('a frozen server holds up neither the event loop nor close for long', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 500 })
  await connected(store)
  await freeze(mongod.pid)
  const pending = failure(store.get(SID))
  const since = Date.now()
  await store.close()
  assert.ok(Date.now() - since < 9000)
  assert.match((await pending).code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
})

test('a server that is down at the start does not end a process that does not listen', async () => {
  const { code, stdout, stderr } = await runProgram(
    `const uri = process.argv[1]
     const warned = new Promise((resolve) => process.once('warning', resolve))
     const store = new MongoSessionStore({ uri, operationTimeout: 200 })
     store.set('${SID}', { cookie: {} })
     const outcome = await store.get('${SID}').catch((error) => error.code)
     const hold = setTimeout(() => {}, 20_000)
     const warning = await warned
     clearTimeout(hold)
     await store.close()
     console.log(outcome, warning.code)`,
    { args: [`mongodb://me:${PASSWORD}@127.0.0.1:${await freePort()}/db`] },
  )
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^ERR_STORE_(TIMEOUT|CONNECTION) ERR_STORE_CONNECTION\n$/)
  assert.ok(!stderr.includes(PASSWORD) && !stderr.includes(SID), stderr)
})

test('a store works as soon as a server arrives, index included', async (t) => {
  const mongod = await ownMongod(t)
  await mongod.kill()
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 500 })
  await until(() => store.events.length > 0, 'the error event')
  assert.equal(store.connected, false)
  await failure(store.set(SID, newSession()))
  await mongod.start()
  await until(() => succeeds(store.set(SID, newSession({ n: 1 }))), 'the server')
  assert.equal((await eventually(() => store.get(SID))).n, 1)
  await connected(store)
  const client = await MongoClient.connect(mongod.uri)
  afterwards(t, () => client.close())
  const indexes = () => client.db().collection('sessions').indexes()
  await until(async () => (await indexes()).some(({ name }) => name === 'expires_1'), 'the index')
  assert.deepEqual(
    store.events.map(({ name }) => name),
    ['error'],
  )
})

test('an operation that waits for its server ends with the outage, and the next one succeeds', async (t) => {
  const mongod = await ownMongod(t)
  await mongod.kill()
  const store = openStore(t, { uri: mongod.uri, ...PATIENT })
  await assert.rejects(store.set(SID, newSession()), { code: 'ERR_STORE_CONNECTION' })
  await mongod.start()
  await until(() => succeeds(store.set(SID, newSession({ patient: true }))), 'the server')
  assert.equal((await store.get(SID)).patient, true)
})

test('a store survives the death and return of its server', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: `${mongod.uri}?journal=true`, operationTimeout: 500 })
  // It has to outlive two starts of the server, however long those take.
  const session = newSession({ n: 1 }, 3_600_000)
  await until(() => succeeds(store.set(SID, session)), 'the server')
  for (let round = 0; round < 2; round++) {
    await mongod.kill()
    await everyMethodFails(store, 500)
    await mongod.start()
    assert.equal((await eventually(() => store.get(SID))).n, 1)
  }
  await connected(store)
})

test('calls while the server is away end, and those after its return succeed', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 1000 })
  await connected(store)
  const calls = []
  const dead = mongod.kill()
  for (let n = 0; n < 500; n++) calls.push(store.set(`sid${n}`, newSession({ n })))
  await dead
  const outcomes = await Promise.allSettled(calls)
  for (const { status, reason } of outcomes) {
    if (status === 'rejected') assert.match(reason.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
  }
  await mongod.start()
  await until(() => succeeds(store.length()), 'the server')
  const sets = () => Array.from({ length: 500 }, (_, n) => store.set(`sid${n}`, newSession({ n })))
  await until(() => succeeds(Promise.all(sets())), 'the sets')
  assert.equal(await eventually(() => store.length()), 500)
})
