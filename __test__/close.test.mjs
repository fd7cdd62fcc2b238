import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import {
  connected,
  database,
  failure,
  freePort,
  newSession,
  onBothEngines,
  openStore,
  runProgram,
  until,
} from './support.mjs'

const METHODS = {
  get: ['sid'],
  set: ['sid', newSession()],
  touch: ['sid', newSession()],
  destroy: ['sid'],
  all: [],
  length: [],
  clear: [],
}

onBothEngines(test, 'a store says when it is connected and when it closes', async (t, open) => {
  const store = open()
  const messages = []
  store.on('info', (message) => messages.push(message))
  await connected(store)
  await store.set('sid', newSession())
  assert.equal(store.connected, true)
  await store.close()
  assert.equal(store.connected, false)
  await store.close()
  assert.deepEqual(messages, [
    'Connected to MongoDB for session store.',
    'Closing MongoDB connection to session store.',
  ])
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'close may be called any number of times', async (t, open) => {
  const store = open()
  await Promise.all([store.close(), store.close(), new Promise((done) => store.close(done))])
  await store.close()
  const answer = await new Promise((resolve) => store.close((...args) => resolve(args)))
  assert.ok(answer[0] == null)
})

onBothEngines(test, 'every method fails after close', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const closing = store.close()
  for (const state of ['closing', 'closed']) {
    for (const [method, args] of Object.entries(METHODS)) {
      const error = await failure(store[method](...args))
      assert.equal(error.code, 'ERR_STORE_CLOSED', `${method} while ${state}`)
      const told = await new Promise((resolve) => store[method](...args, resolve))
      assert.equal(told.code, 'ERR_STORE_CLOSED', `${method} while ${state}`)
    }
    await closing
  }
})

test('close waits for what is in flight', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const done = []
  for (let n = 0; n < 1000; n++) {
    store.set(`sid${n}`, newSession({ n }), (error) => done.push(error ?? n))
  }
  const gone = store.destroy('sid0')
  const count = store.length()
  await store.close()
  assert.equal(done.length, 1000)
  assert.ok(done.every(Number.isInteger))
  await gone
  assert.equal(await count, 999)
  assert.equal(await sessions.countDocuments(), 999)
})

onBothEngines(test, 'every call before close is answered before it', async (t, open) => {
  const store = open()
  const order = []
  const note = (name) => () => order.push(name)
  store.set('a', newSession(), note('set'))
  store.get('a', note('get'))
  store.all(note('all'))
  store.clear(note('clear'))
  store.get('a', note('get'))
  await new Promise((resolve) => store.close(() => resolve(order.push('close'))))
  assert.equal(order.length, 6)
  assert.equal(order.at(-1), 'close')
})

test('a store may be closed before it has reached its server', async (t) => {
  const { uri } = await database(t)
  const store = new MongoSessionStore({ uri })
  await store.close()
  assert.equal(store.connected, false)
})

test('a store whose server is down closes at once', async () => {
  const store = new MongoSessionStore({ uri: `mongodb://127.0.0.1:${await freePort()}/db` })
  store.on('error', () => {})
  const since = Date.now()
  await store.close()
  assert.ok(Date.now() - since < 9000)
})

test('close ends every connection', async (t) => {
  const { uri, db } = await database(t)
  const appName = `closing-${process.pid}`
  const store = openStore(t, { uri: `${uri}${uri.includes('?') ? '&' : '?'}appName=${appName}` })
  const open = async () => {
    const stages = [{ $currentOp: { allUsers: true, idleConnections: true } }]
    const operations = await db.client.db('admin').aggregate(stages).toArray()
    return operations.filter((operation) => operation.appName === appName).length
  }
  await store.set('sid', newSession())
  assert.ok((await open()) > 0)
  await store.close()
  await until(async () => (await open()) === 0, 'the end of the connections')
})

for (const engine of ['mongodb', 'memory']) {
  const uriFor = async (t) => (engine === 'memory' ? 'memory:' : (await database(t)).uri)

  test(`an idle store does not keep the process alive (${engine})`, async (t) => {
    const ended = await runProgram(
      `const store = new MongoSessionStore({ uri: process.argv[1] })
       await new Promise((resolve) => store.set('sid', { cookie: {} }, resolve))
       while (!store.connected) await new Promise((resolve) => setTimeout(resolve, 5))
       console.log(store.connected)`,
      { args: [await uriFor(t)] },
    )
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'true\n', stderr: '' })
  })

  test(`a pending operation keeps the process alive (${engine})`, async (t) => {
    const ended = await runProgram(
      `const store = new MongoSessionStore({ uri: process.argv[1] })
       store.set('sid', { cookie: {}, user: 'ada' })
       store.get('sid', (error, session) => {
         console.log(session.user)
         store.destroy('sid', () => store.length((error, count) => console.log(count)))
       })`,
      { args: [await uriFor(t)] },
    )
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'ada\n0\n', stderr: '' })
  })

  test(`a store that nobody holds any more still answers (${engine})`, async (t) => {
    const ended = await runProgram(
      `import { setFlagsFromString } from 'node:v8'
       import { runInNewContext } from 'node:vm'
       setFlagsFromString('--expose-gc')
       const collect = setInterval(runInNewContext('gc'), 1)
       const uri = process.argv[1]
       const calls = Array.from({ length: 30 }, (_, n) => {
         const store = new MongoSessionStore({ uri, createTTLIndex: false, operationTimeout: 120_000 })
         return new Promise((resolve) => store.set('sid' + n, { cookie: {} }, resolve))
       })
       const errors = (await Promise.all(calls)).filter(Boolean)
       clearInterval(collect)
       console.log(errors.length)`,
      { args: [await uriFor(t)] },
    )
    assert.deepEqual(ended, { code: 0, signal: null, stdout: '0\n', stderr: '' })
  })

  test(`a process may end at any moment (${engine})`, async (t) => {
    const ended = await runProgram(
      `const store = new MongoSessionStore({ uri: process.argv[1] })
       for (let n = 0; n < 1000; n++) store.set('sid' + n, { cookie: {} })
       setTimeout(() => process.exit(7), 1)`,
      { args: [await uriFor(t)] },
    )
    assert.deepEqual(ended, { code: 7, signal: null, stdout: '', stderr: '' })
  })
}

test('a store that never reached its server does not keep the process alive', async () => {
  const { code, signal } = await runProgram(
    `const store = new MongoSessionStore({ uri: process.argv[1] })
     store.on('error', () => {})`,
    { args: [`mongodb://127.0.0.1:${await freePort()}/db`] },
  )
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
})

onBothEngines(
  test,
  'a closed store leaves no open handle, while somebody holds it',
  async (t, open) => {
    // As test runners find them out, with the type that the addon's have.
    const handles = new Map()
    const hook = createHook({
      init: (id, type) => /threadsafe/.test(type) && handles.set(id, type),
      destroy: (id) => handles.delete(id),
    }).enable()
    t.after(() => hook.disable())
    const store = open()
    await store.set('sid', newSession())
    assert.equal(handles.size, 1)
    await store.close()
    await until(() => handles.size === 0, 'the handle to be gone')
    assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_CLOSED')
    await store.close()
  },
)
