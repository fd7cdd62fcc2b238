// Writes that time out, and that the server carries out all the same, later.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { UNREACHABLE, openProxy, ownMongod } from './outage-support.mjs'
import {
  afterwards,
  connected,
  failure,
  freeze,
  newSession,
  openStore,
  succeeds,
  until,
} from './support.mjs'

const TIMEOUT_MS = 500

/** A mongod of the test's own, a store at the other end of a network of its own, and a witness. */
async function apart(t) {
  const mongod = await ownMongod(t)
  const witness = await MongoClient.connect(mongod.uri)
  afterwards(t, () => witness.close())
  const proxy = await openProxy(t, mongod.port)
  const store = await connected(openStore(t, { uri: proxy.uri, operationTimeout: TIMEOUT_MS }))
  await until(() => succeeds(store.set('other', newSession())), 'the first write')
  const sessions = witness.db().collection('sessions')
  await until(async () => (await sessions.indexes()).length === 2, 'the index')
  /** How many commands that write sessions the server has carried out. */
  const writes = async () => {
    const { metrics } = await witness.db('admin').command({ serverStatus: 1 })
    return metrics.commands.update.total + metrics.commands.delete.total
  }
  return { mongod, proxy, store, writes }
}

/** Whether a write is acknowledged, or times out behind those before it. */
async function isAcknowledged(write) {
  try {
    await write
    return true
  } catch ({ code }) {
    assert.match(code, UNREACHABLE)
    return false
  }
}

/** What is stored, once a read is in time. */
async function read(store, sid = 'sid') {
  let session
  await until(() => succeeds(store.get(sid).then((found) => (session = found))), 'an answer')
  return session
}

/** Writes until that is acknowledged. */
async function insist(write) {
  await until(() => isAcknowledged(write()), 'a write to succeed')
}

/**
 * Has a write of the session `sid` time out while it stands in the network. What does not find a connection there, since
 * something else uses them, opens one that works; and a machine that stands still may not send it in time.
 */
async function lose(proxy, write) {
  await until(async () => {
    // Only what is on its way now is held up; a later command finds a connection that works.
    proxy.stall()
    if (await isAcknowledged(write())) return false
    // What was sent has arrived there by then.
    await sleep(20)
    return proxy.holds('sid')
  }, 'a write to be lost')
}

/**
 * Has a later write called when an earlier one of the same session is lost, and that one arrive then. The store waits for
 * it once more as long as it has waited: what took longer, because the machine stood still, is done again.
 */
async function loseBefore({ proxy, writes }, lost, later) {
  await until(async () => {
    let called
    await lose(proxy, () => {
      called = performance.now()
      return lost()
    })
    const before = await writes()
    const end = isAcknowledged(later())
    // One that did not wait would be carried out by then.
    await sleep(100)
    proxy.resume()
    const isInTime = performance.now() - called < 1.8 * TIMEOUT_MS
    await until(async () => (await writes()) > before, 'the lost write to arrive')
    if (!(await end)) await insist(later)
    return isInTime
  }, 'a machine that goes on')
}

for (const [verb, lost] of [
  ['save', (store) => store.set('sid', newSession({ n: 1 }))],
  ['destroy', (store) => store.destroy('sid')],
]) {
  test(`a ${verb} that times out on its way undoes no later save`, async (t) => {
    const place = await apart(t)
    const { store } = place
    await until(() => succeeds(store.set('sid', newSession({ n: 0 }))), 'the save before')
    const later = () => store.set('sid', newSession({ n: 2 }))
    await loseBefore(place, () => lost(store), later)
    for (let time = 0; time < 20; time++) assert.equal((await read(store))?.n, 2)
  })
}

test('a save that times out on its way brings no session back that is destroyed later', async (t) => {
  const place = await apart(t)
  const { store } = place
  const later = () => store.destroy('sid')
  await loseBefore(place, () => store.set('sid', newSession()), later)
  for (let time = 0; time < 20; time++) assert.equal(await read(store), null)
})

test('a write that is lost on its way holds up nothing for good', async (t) => {
  const { proxy, store } = await apart(t)
  await lose(proxy, () => store.set('sid', newSession()))
  await insist(() => store.set('other', newSession({ n: 1 })))
  assert.equal((await read(store, 'other')).n, 1)
  // Its connection never comes back.
  await insist(() => store.set('sid', newSession({ n: 2 })))
  assert.equal((await read(store)).n, 2)
})

test('a write that could not be sent in time is not sent later', async (t) => {
  const { mongod, store } = await apart(t)
  await mongod.kill()
  await failure(store.set('sid', newSession()))
  await failure(store.set('sid', newSession()))
  await mongod.start()
  await until(() => succeeds(store.set('other', newSession())), 'the server')
  for (let time = 0; time < 20; time++) assert.equal(await read(store), null)
})

const LOST = {
  'a write': (store) => store.set('sid', newSession()),
  'the end of all sessions': (store) => store.clear(),
}

for (const [name, lose] of Object.entries(LOST)) {
  test(`close does not wait for ${name} that nobody waits for any more`, async (t) => {
    const { mongod, store } = await apart(t)
    await freeze(mongod.pid)
    await failure(lose(store))
    const since = Date.now()
    await store.close()
    assert.ok(Date.now() - since < 10_000)
  })
}
