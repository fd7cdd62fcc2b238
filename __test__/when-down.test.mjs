import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import express from 'express'
import session from 'express-session'
import {
  answers,
  connected,
  failure,
  freePort,
  freeze,
  newSession,
  openStore,
  ownMongod,
  until,
} from './support.mjs'

/** The names of a store's events from now on, in order. */
function record(store) {
  const names = []
  for (const name of ['connect', 'disconnect', 'info', 'error']) {
    store.on(name, () => names.push(name))
  }
  return names
}

/** Serves an app with this store and answers what its only page says. */
async function serve(t, store) {
  const app = express()
  app.use(session({ secret: 'keyboard cat', store, resave: false, saveUninitialized: false }))
  app.get('/', (req, res) => {
    if (req.session === undefined) return res.send('no session')
    req.session.visits = (req.session.visits ?? 0) + 1
    res.send(`visit ${req.session.visits}`)
  })
  app.use((error, req, res, _next) => res.status(503).send(error.code))
  const server = app.listen(0, '127.0.0.1')
  // Or it would hang up on a visitor who comes back after five seconds.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  let cookie
  return async () => {
    const headers = cookie === undefined ? {} : { cookie }
    const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return response.text()
  }
}

test("'skip': requests go on without a session in an outage, and with theirs after it", async (t) => {
  const mongod = await ownMongod(t)
  const uri = `${mongod.uri}?journal=true`
  const store = openStore(t, { uri, whenDown: 'skip' })
  const names = record(store)
  await connected(store)
  const visit = await serve(t, store)
  assert.equal(await visit(), 'visit 1')
  assert.equal(await visit(), 'visit 2')
  await mongod.kill()
  await until(() => names.includes('disconnect'), 'the disconnect')
  assert.equal(store.connected, false)
  assert.equal(await visit(), 'no session')
  await mongod.start()
  await until(() => names.at(-1) === 'connect', 'the connect')
  assert.equal(store.connected, true)
  assert.equal(await visit(), 'visit 3')
  assert.deepEqual(names, ['info', 'connect', 'disconnect', 'error', 'info', 'connect'])
})

test("'error': requests get the error at once in an outage, and their session after it", async (t) => {
  const mongod = await ownMongod(t)
  // With this deadline the test would take hours if requests waited for it.
  const store = openStore(t, { uri: `${mongod.uri}?journal=true`, operationTimeout: 10_000_000 })
  const names = record(store)
  await connected(store)
  const visit = await serve(t, store)
  assert.equal(await visit(), 'visit 1')
  await mongod.kill()
  await until(() => names.includes('error'), 'the error')
  for (let visits = 0; visits < 20; visits++) {
    assert.equal(await visit(), 'ERR_STORE_CONNECTION')
  }
  await mongod.start()
  await until(() => store.connected, 'the connection')
  assert.equal(await visit(), 'visit 2')
  assert.deepEqual(names, ['info', 'connect', 'error', 'info', 'connect'])
})

test('every method fails at once while the server is known to be down, and says why', async (t) => {
  const port = await freePort()
  const uri = `mongodb://127.0.0.1:${port}/db`
  const store = openStore(t, { uri, operationTimeout: 10_000_000 })
  await until(() => store.events.length > 0, 'the error event')
  const [event] = store.events
  assert.equal(event.name, 'error')
  const refused = new RegExp(`127.0.0.1:${port}: .*refused`, 'i')
  for (const [method, ...args] of [
    ['get', 'sid'],
    ['set', 'sid', newSession()],
    ['touch', 'sid', newSession()],
    ['destroy', 'sid'],
    ['all'],
    ['length'],
    ['clear'],
    ['flagDeletion', null],
    ['cleanup'],
    ['ping'],
  ]) {
    // Only a machine that stands still knows nothing better for a while than that there was no answer.
    await until(async () => {
      const error = await failure(store[method](...args))
      assert.equal(error.code, 'ERR_STORE_CONNECTION', method)
      assert.equal(error.message, event.value.message)
      return refused.test(error.cause?.message)
    }, `the reason from ${method}`)
  }
  await store.close()
})

test('a frozen server is found out, and is back when it thaws', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 10_000_000 })
  await connected(store)
  await store.set('sid', newSession({ n: 1 }))
  await freeze(mongod.pid)
  // Its deadline is far away, but it does not wait for a server that is known to be out of reach.
  const pending = failure(store.get('sid'))
  await until(() => store.events.length > 0, 'the error event')
  assert.equal(store.connected, false)
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_CONNECTION')
  process.kill(mongod.pid, 'SIGCONT')
  assert.equal((await pending).code, 'ERR_STORE_CONNECTION')
  await until(() => store.connected, 'the connection')
  assert.equal((await store.get('sid')).n, 1)
})

test('an outage is noticed while nothing is asked', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri })
  await connected(store)
  await mongod.kill()
  await until(() => !store.connected, 'the outage')
  await mongod.start()
  await until(() => store.connected, 'the return')
})

test('ping tells whether the server answers', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri })
  await connected(store)
  assert.equal(await store.ping(), undefined)
  await new Promise((resolve, reject) => {
    store.ping((error) => (error ? reject(error) : resolve()))
  })
  await freeze(mongod.pid)
  const error = await failure(store.ping())
  assert.match(error.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
  process.kill(mongod.pid, 'SIGCONT')
  await answers(store)
})

test('ping works on the embedded engine, and not after close', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.ping()
  await store.close()
  assert.equal((await failure(store.ping())).code, 'ERR_STORE_CLOSED')
})

test('close waits for a ping', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri })
  await connected(store)
  const pings = Array.from({ length: 20 }, () => store.ping())
  await store.close()
  await Promise.all(pings)
})
