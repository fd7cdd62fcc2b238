// What `store.stats()` says, held against what was called.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { MongoStore } from 'mongodb-session-store/connect-mongo'
import { ownMongod } from './outage-support.mjs'
import {
  connected,
  database,
  failure,
  freePort,
  freeze,
  load,
  newSession,
  onBothEngines,
  openStore,
  succeeds,
  until,
  watched,
} from './support.mjs'

onBothEngines(
  test,
  'every call is counted once, by what was called and how it ended',
  async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ secret: 'private' }))
    await Promise.all([store.get('sid'), store.get('sid'), store.get('none')])
    await store.touch('sid', newSession())
    await new Promise((resolve) => store.destroy('sid', resolve))
    for await (const entry of store.scan()) assert.ok(entry)
    await Promise.all([store.all(), store.ids(), store.entries(), store.find({}), store.length()])
    await Promise.all([store.destroyMany({}), store.clear(), store.ping()])
    await failure(store.get(1))
    await failure(store.set('sid', 'no session'))
    await failure(store.destroyMany({ a: { $bad: 1 } }))
    await failure(store.sessionsOf('ada'))

    const { calls, failures, hits, misses, inFlight } = store.stats()
    const ended = Object.entries(calls).filter(
      ([, { succeeded, failed }]) => succeeded + failed > 0,
    )
    assert.deepEqual(Object.fromEntries(ended), {
      get: { succeeded: 3, failed: 1 },
      set: { succeeded: 1, failed: 1 },
      touch: { succeeded: 1, failed: 0 },
      destroy: { succeeded: 1, failed: 0 },
      all: { succeeded: 1, failed: 0 },
      length: { succeeded: 1, failed: 0 },
      clear: { succeeded: 1, failed: 0 },
      ids: { succeeded: 1, failed: 0 },
      entries: { succeeded: 1, failed: 0 },
      scan: { succeeded: 1, failed: 0 },
      find: { succeeded: 1, failed: 0 },
      sessionsOf: { succeeded: 0, failed: 1 },
      destroyMany: { succeeded: 1, failed: 1 },
      ping: { succeeded: 1, failed: 0 },
    })
    assert.deepEqual(failures, {
      ERR_INVALID_ARG_TYPE: 2,
      ERR_STORE_FILTER: 1,
      ERR_STORE_OPTION: 1,
    })
    assert.deepEqual([hits, misses, inFlight], [2, 1, 0])
  },
)

onBothEngines(
  test,
  'calls are in flight until they have ended, and take their time',
  async (t, open) => {
    const store = open()
    const calls = Array.from({ length: 100 }, (_, i) => store.set(`sid${i}`, newSession()))
    assert.equal(store.stats().inFlight, 100)
    await Promise.all(calls)
    const { inFlight, queued, latency } = store.stats()
    assert.deepEqual([inFlight, queued], [0, 0])
    const { count, p50, p90, p99, max } = latency.set
    assert.equal(count, 100)
    assert.ok(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max, JSON.stringify(latency.set))
    assert.equal(latency.get.count, 0)
  },
)

test('commands are counted with the calls that they carry', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.set(`sid${i}`, newSession())))
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.get(`sid${i}`)))
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.destroy(`sid${i}`)))
  const { commands, connections, hedgedReads, roundTrip } = store.stats()
  for (const name of ['update', 'find', 'delete']) {
    const { sent, failed, calls } = commands[name]
    // A read that is late is sent a second time, and the slower of both may be given up.
    assert.ok(failed <= (name === 'find' ? hedgedReads : 0), `${name}: ${failed} failed`)
    assert.ok(calls >= 300 && sent < calls, `${name}: ${calls} calls in ${sent} commands`)
  }
  assert.ok(connections.open >= 1)
  assert.ok(roundTrip > 0)
  await until(() => store.stats().connections.inUse === 0, 'idle connections')
})

test('in memory there are no commands, no connections and no round trip', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.set('sid', newSession())
  const { commands, connections, roundTrip, retries } = store.stats()
  assert.deepEqual(commands, {})
  assert.deepEqual(connections, { open: 0, inUse: 0, waiting: 0 })
  assert.deepEqual([roundTrip, retries], [null, 0])
})

onBothEngines(
  test,
  'dropped saves and touches that are not worth sending are told apart',
  async (t, open) => {
    const store = open({ touchAfter: 50_000 })
    await store.set('sid', newSession({}, 200_000))
    const session = await load(store)
    await store.touch('sid', session)
    await store.destroy('sid')
    session.changed = true
    await store.set('sid', session)
    const { touchesSkipped, discards, calls } = store.stats()
    assert.deepEqual([touchesSkipped, discards], [1, 1])
    assert.deepEqual(calls.touch, { succeeded: 1, failed: 0 })
  },
)

test('an outage has a length, and calls in it have failed', async (t) => {
  const mongod = await ownMongod(t)
  const store = await connected(openStore(t, { uri: mongod.uri, operationTimeout: 3000 }))
  assert.deepEqual(store.stats().outages, { count: 0, duration: 0, isOut: false })
  await freeze(mongod.pid)
  await failure(store.get('sid'))
  await until(() => store.stats().outages.isOut, 'the outage')
  await failure(store.get('sid'))
  const { failures, outages } = store.stats()
  const unreachable = (failures.ERR_STORE_TIMEOUT ?? 0) + (failures.ERR_STORE_CONNECTION ?? 0)
  assert.equal(unreachable, 2)
  assert.equal(outages.count, 1)
  await until(() => store.stats().outages.duration > outages.duration, 'a longer outage')
  process.kill(mongod.pid, 'SIGCONT')
  await until(() => !store.stats().outages.isOut, 'the end of the outage')
  const { duration } = store.stats().outages
  assert.ok(duration > 0)
  await until(() => succeeds(store.get('sid')), 'an answer')
  assert.equal(store.stats().outages.duration, duration)
})

test('a store that is closed, or was never connected, answers all the same', async (t) => {
  const uri = `mongodb://127.0.0.1:${await freePort()}/d?serverSelectionTimeoutMS=100`
  const store = openStore(t, { uri })
  await failure(store.get('sid'))
  await store.close()
  await failure(store.get('sid'))
  const { calls, failures, connections, outages } = store.stats()
  assert.deepEqual(calls.get, { succeeded: 0, failed: 2 })
  assert.deepEqual(calls.close, { succeeded: 1, failed: 0 })
  assert.equal(failures.ERR_STORE_CLOSED, 1)
  assert.equal(connections.inUse, 0)
  assert.equal(outages.isOut, false)
})

test('what the application throws is told apart from what the store says', async (t) => {
  const ttl = () => {
    throw Object.assign(new Error('private'), { code: 'ERR_PRIVATE' })
  }
  const store = openStore(t, { uri: 'memory:', ttl })
  await failure(store.set('sid', newSession()))
  assert.deepEqual(store.stats().failures, { application: 1 })
})

test('two stores count for themselves, and so does one behind an adapter', async (t) => {
  const { uri } = await database(t)
  const one = openStore(t, { uri })
  const other = watched(t, MongoStore.create({ mongoUrl: uri }))
  await one.get('sid')
  await new Promise((resolve) => other.get('sid', resolve))
  await new Promise((resolve) => other.get('sid', resolve))
  assert.equal(one.stats().misses, 1)
  assert.equal(other.stats().misses, 2)
})

test('what was answered is a copy, and holds nothing of a session', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.set('live-credential', newSession({ secret: 'private' }))
  const stats = store.stats()
  stats.calls.set.succeeded = 1000
  stats.outages.count = 1000
  assert.equal(store.stats().calls.set.succeeded, 1)
  assert.equal(store.stats().outages.count, 0)
  assert.doesNotMatch(JSON.stringify(stats), /live-credential|private/)
  assert.deepEqual(JSON.parse(JSON.stringify(store.stats())), store.stats())
})

test('a worker thread has figures of its own', async () => {
  const source = `
    const { parentPort } = require('node:worker_threads')
    const { MongoSessionStore } = require(${JSON.stringify(fileURLToPath(new URL('../index.cjs', import.meta.url)))})
    const store = new MongoSessionStore({ uri: 'memory:' })
    store.get('sid').then(() => parentPort.postMessage(store.stats()))`
  const [stats] = await once(new Worker(source, { eval: true }), 'message')
  assert.deepEqual(stats.calls.get, { succeeded: 1, failed: 0 })
})
