// Writes that time out, and that the server carries out all the same, later.
import assert from 'node:assert/strict'
import test from 'node:test'
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

/** A mongod of the test's own, a store at the other end of a network of its own, and a witness. */
async function apart(t) {
  const mongod = await ownMongod(t)
  const witness = await MongoClient.connect(mongod.uri)
  afterwards(t, () => witness.close())
  const proxy = await openProxy(t, mongod.port)
  const store = await connected(openStore(t, { uri: proxy.uri, operationTimeout: 500 }))
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

for (const [verb, lost] of [
  ['save', (store) => store.set('sid', newSession({ n: 1 }))],
  ['destroy', (store) => store.destroy('sid')],
]) {
  test(`a ${verb} that times out on its way undoes no later save`, async (t) => {
    const { proxy, store, writes } = await apart(t)
    await until(() => succeeds(store.set('sid', newSession({ n: 0 }))), 'the save before')
    // Only what is on its way now is held up; a later command finds a connection that works.
    proxy.stall()
    assert.equal((await failure(lost(store))).code, 'ERR_STORE_TIMEOUT')
    const later = await isAcknowledged(store.set('sid', newSession({ n: 2 })))
    const before = await writes()
    proxy.resume()
    await until(async () => (await writes()) > before, 'the lost write to arrive')
    if (!later) await insist(() => store.set('sid', newSession({ n: 2 })))
    for (let time = 0; time < 20; time++) assert.equal((await read(store))?.n, 2)
  })
}

test('a save that times out on its way brings no session back that is destroyed later', async (t) => {
  const { proxy, store, writes } = await apart(t)
  proxy.stall()
  assert.equal((await failure(store.set('sid', newSession()))).code, 'ERR_STORE_TIMEOUT')
  const later = await isAcknowledged(store.destroy('sid'))
  const before = await writes()
  proxy.resume()
  await until(async () => (await writes()) > before, 'the lost save to arrive')
  if (!later) await insist(() => store.destroy('sid'))
  for (let time = 0; time < 20; time++) assert.equal(await read(store), null)
})

test('a write that is lost on its way holds up nothing for good', async (t) => {
  const { proxy, store } = await apart(t)
  proxy.stall()
  await failure(store.set('sid', newSession()))
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
