// What a server does that stood still while callers gave up: it carries out what it had received.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { METHODS, openProxy, ownMongod, witness, works } from './outage-support.mjs'
import { failure, freeze, isLong, newSession, openStore, succeeds, until } from './support.mjs'

/** Long enough for a command to be carried out that has reached its server. */
const SETTLED = 300

/** Calls that fail while the server stands still, those after them, and what is there at last. */
const ORDERS = {
  'a destroyed session stays destroyed': ['set', 'destroy', null],
  'a session that was set stays set': ['destroy', 'set', 'later'],
  'a session that was set after clear is there': ['clear', 'set', 'later'],
}

/** Each takes a second, most of it to wait. */
const ROUNDS = isLong ? 8 : 4

for (const [promise, [earlier, later, last]] of Object.entries(ORDERS)) {
  test(`when a server thaws, ${promise}`, async (t) => {
    const mongod = await ownMongod(t)
    const store = openStore(t, { uri: mongod.uri, operationTimeout: 400 })
    const sessions = await witness(t, mongod.uri)
    for (let round = 0; round < ROUNDS; round++) {
      await works(store)
      await until(() => succeeds(Promise.all([store.all(), store.length()])), 'the lists')
      const sid = `sid-${round}`
      await freeze(mongod.pid)
      await failure(store[earlier](...METHODS[earlier](sid)))
      const called = succeeds(call(store, later, sid))
      await setTimeout(50)
      process.kill(mongod.pid, 'SIGCONT')
      await judge(sessions, sid, await called, last)
    }
  })

  test(`when the network delivers late, ${promise}`, async (t) => {
    const mongod = await ownMongod(t)
    const proxy = await openProxy(t, mongod.port)
    const store = openStore(t, { uri: proxy.uri, operationTimeout: 400 })
    const sessions = await witness(t, mongod.uri)
    await works(store)
    // What the store does beside its calls may have taken the connection, so that they need another one.
    proxy.arrivals = 'stall'
    proxy.stall()
    await failure(store[earlier](...METHODS[earlier]('sid')))
    proxy.arrivals = 'pass'
    const called = succeeds(call(store, later, 'sid'))
    await Promise.race([called, setTimeout(200)])
    proxy.resume()
    await judge(sessions, 'sid', await called, last)
  })
}

function call(store, method, sid) {
  return method === 'set' ? store.set(sid, newSession({ value: 'later' })) : store[method](sid)
}

/** If the later call was acknowledged, its effect stays. */
async function judge(sessions, sid, acknowledged, last) {
  await setTimeout(SETTLED)
  const document = await sessions.findOne({ _id: sid })
  const value = document && (document.session.value ?? 'earlier')
  if (acknowledged) assert.equal(value, last)
}

test('after a storm of calls in vain the store works as soon as its server does', async (t) => {
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 1000 })
  await works(store)
  await freeze(mongod.pid)
  const calls = []
  for (let n = 0; n < 20_000; n++) {
    calls.push(succeeds(n % 2 === 0 ? store.get(`sid-${n}`) : store.set(`sid-${n}`, newSession())))
    // A few of them at a time, so that their deadlines are spread.
    if (n % 400 === 0) await setTimeout(1)
  }
  await Promise.all(calls)
  process.kill(mongod.pid, 'SIGCONT')
  t.diagnostic(`works again after ${await works(store)} ms`)
})

/** A little less than the time for which a first answer is waited for. */
const PATIENCE = 2500

test('a process that stood still does not take its server for one that is away', async (t) => {
  const mongod = await ownMongod(t)
  const told = await until(
    () => toldAfterStandstill(t, mongod),
    'a standstill of one process alone',
  )
  assert.equal(told, 'connect\n')
})

/**
 * What a process tells that stands still while it waits for its first answer. Undefined if it ran for
 * so long without one that it is right to tell of an outage: who else stood still proves nothing.
 */
async function toldAfterStandstill(t, mongod) {
  const proxy = await openProxy(t, mongod.port)
  proxy.arrivals = 'stall'
  const program = `
    import { MongoSessionStore } from ${JSON.stringify(new URL('../index.mjs', import.meta.url).href)}
    const store = new MongoSessionStore({ uri: ${JSON.stringify(proxy.uri)} })
    for (const event of ['error', 'connect']) store.once(event, () => console.log(event))
    const alive = setInterval(() => {}, 1000)
    store.once('connect', () => clearInterval(alive))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
  t.after(() => child.kill('SIGKILL'))
  const closed = once(child, 'close')
  let told = ''
  let heard
  child.stdout.setEncoding('utf8').on('data', (text) => {
    heard ??= Date.now()
    told += text
  })
  let asked = Date.now()
  await until(() => {
    if (proxy.connections.size > 0) return true
    asked = Date.now()
  }, 'the first question')
  await freeze(child.pid)
  const frozen = Date.now()
  // Longer than any answer is waited for; the clock goes on for a process that stands still.
  await setTimeout(4000)
  const thawed = Date.now()
  process.kill(child.pid, 'SIGCONT')
  await setTimeout(200)
  proxy.arrivals = 'pass'
  proxy.resume()
  await closed
  const isProof = frozen - asked < PATIENCE && heard - thawed < PATIENCE
  return told === 'connect\n' || isProof ? told : undefined
}
