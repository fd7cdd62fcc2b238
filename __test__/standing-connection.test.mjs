// One connection of the pool stands still: its replies stop while those of the others go on.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import { openProxy, ownMongod } from './outage-support.mjs'
import { PATIENT, newSession, openStore, succeeds, until } from './support.mjs'

const mongod = await ownMongod(test)

/** A store behind a proxy, with ten sessions, whose calls wait for long. */
async function behindProxy(t) {
  const proxy = await openProxy(t, mongod.port)
  const collection = `still_${Math.random().toString(36).slice(2)}`
  const client = await MongoClient.connect(mongod.uri)
  t.after(() => client.close())
  const store = openStore(t, { uri: proxy.uri, collection, ...PATIENT })
  await until(() => succeeds(store.set('first', newSession())), 'the first save')
  for (let number = 0; number < 10; number++) await store.set(`sid${number}`, newSession({ n: 0 }))
  return { proxy, store, sessions: client.db().collection(collection) }
}

/** Calls of all kinds, one after the other, which must all come back. */
async function others(store) {
  for (let number = 0; number < 10; number++) {
    const sid = `sid${number}`
    await store.set(sid, newSession({ n: 1 }))
    await store.touch(sid, newSession())
    assert.equal((await store.get(sid)).n, 1)
    await store.destroy(sid)
  }
}

test('a read whose connection stands still is answered on another one', async (t) => {
  const { proxy, store } = await behindProxy(t)
  proxy.cutReply('sid3', { end: 'stall' })
  assert.equal(store.stats().hedgedReads, 0)
  assert.equal((await store.get('sid3')).n, 0)
  await until(() => proxy.cuts === 1, 'the connection that stands still')
  assert.ok(store.stats().hedgedReads > 0)
  await others(store)
})

test('a save whose connection stands still is waited for by its own session alone', async (t) => {
  const { proxy, store, sessions } = await behindProxy(t)
  proxy.cutReply('stands still', { end: 'stall' })
  let isBack = false
  const save = store.set('first', newSession({ text: 'stands still' })).then(() => (isBack = true))
  await until(() => proxy.cuts === 1, 'the save to stand still')
  await others(store)
  assert.equal(isBack, false)
  assert.equal((await sessions.findOne({ _id: 'first' })).session.text, 'stands still')
  // Its connection breaks in the end, and the save is told of it.
  for (const connection of proxy.connections) connection.reset()
  await Promise.allSettled([save])
  await until(() => succeeds(store.set('first', newSession({ n: 2 }))), 'a later save')
  assert.equal((await sessions.findOne({ _id: 'first' })).session.n, 2)
})
