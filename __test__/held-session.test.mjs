// A session whose document another client holds in a transaction: what that costs everybody else.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { ownMongod } from './outage-support.mjs'
import { PATIENT, newSession, openStore, succeeds, until } from './support.mjs'
import { watchCommands } from './wire.mjs'

const mongod = await ownMongod(test, {
  replicaSet: 1,
  args: ['--setParameter', 'enableTestCommands=1'],
})

/** A store on a collection of its own, whose calls wait for long, with sessions of these ids. */
async function prepared(t, sids, options) {
  const collection = `held_${Math.random().toString(36).slice(2)}`
  const client = await MongoClient.connect(mongod.uri)
  t.after(() => client.close())
  const sessions = client.db().collection(collection)
  // Built while documents are held, it would hold up everybody.
  await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
  const store = openStore(t, { uri: mongod.uri, collection, ...PATIENT, ...options })
  // A short time may not be enough to connect.
  const save = (sid) => until(() => succeeds(store.set(sid, newSession({ n: 0 }))), 'a save')
  await Promise.all(sids.map(save))
  return { store, client, sessions }
}

/** Holds the documents of sessions until `release` is called, which leaves them as they were. */
async function hold({ client, sessions }, sids) {
  const session = client.startSession()
  session.startTransaction()
  await sessions.updateMany({ _id: { $in: sids } }, { $set: { held: true } }, { session })
  return async () => {
    await session.abortTransaction()
    await session.endSession()
  }
}

/** A call that is on its way, and whether it has come back. */
function underWay(promise) {
  const call = { isBack: false }
  call.end = promise.then(() => {
    call.isBack = true
  })
  return call
}

const ids = (count, name) => Array.from({ length: count }, (_, number) => `${name}${number}`)

for (const count of [1, 8]) {
  test(`with ${count} held, the sessions of others are read, saved, touched and destroyed`, async (t) => {
    const held = ids(count, 'held')
    const others = ids(10, 'other')
    const there = await prepared(t, [...held, ...others])
    const { store, sessions } = there
    const release = await hold(there, held)
    const waiting = held.map((sid) => underWay(store.set(sid, newSession({ n: 1 }))))
    // They leave before the others are called.
    await sleep(50)
    for (const sid of others) {
      await store.set(sid, newSession({ n: 2 }))
      await store.touch(sid, newSession())
      assert.equal((await store.get(sid)).n, 2)
      await store.destroy(sid)
    }
    assert.deepEqual([...new Set(waiting.map((call) => call.isBack))], [false])
    assert.equal(await sessions.countDocuments({ _id: /^other/ }), 0)
    await release()
    await Promise.all(waiting.map((call) => call.end))
    assert.equal(await sessions.countDocuments({ _id: /^held/, 'session.n': 1 }), count)
  })
}

test('the figures say how many requests wait for a session, and how many commands for a connection', async (t) => {
  const options = { driverOptions: { maxPoolSize: 1 } }
  const there = await prepared(t, ['held', 'other'], options)
  const { store } = there
  const release = await hold(there, ['held'])
  const first = store.set('held', newSession({ n: 1 }))
  await until(() => store.stats().connections.inUse === 1, 'the first save to leave')
  const second = store.set('held', newSession({ n: 2 }))
  await until(() => store.stats().queued === 1, 'the second save to wait for the first')
  const read = store.get('other')
  await until(() => store.stats().connections.waiting > 0, 'the read to wait for the connection')
  assert.equal(store.stats().inFlight, 3)
  await release()
  await Promise.all([first, second, read])
  const { queued, inFlight } = store.stats()
  assert.deepEqual({ queued, inFlight }, { queued: 0, inFlight: 0 })
  await until(() => store.stats().connections.waiting === 0, 'nobody to wait')
})

test('what is called for a held session keeps its order', async (t) => {
  const there = await prepared(t, ['held', 'other'])
  const { store } = there
  const release = await hold(there, ['held'])
  const order = []
  const calls = [
    store.set('held', newSession({ n: 1 })).then(() => order.push('set')),
    store.get('held').then((session) => order.push(`get ${session.n}`)),
    store.set('held', newSession({ n: 2 })).then(() => order.push('set again')),
    store.destroy('held').then(() => order.push('destroy')),
    store.get('held').then((session) => order.push(`get ${session}`)),
  ]
  await sleep(50)
  await store.set('other', newSession({ n: 1 }))
  assert.deepEqual(order, [])
  await release()
  await Promise.all(calls)
  assert.deepEqual(order, ['set', 'get 1', 'set again', 'destroy', 'get null'])
})

test('a save of a held session that is given up undoes no later one', async (t) => {
  const there = await prepared(t, ['held', 'other'], { operationTimeout: 2000 })
  const { store, sessions } = there
  const release = await hold(there, ['held'])
  assert.equal(await succeeds(store.set('held', newSession({ n: 1 }))), false)
  await until(() => succeeds(store.set('other', newSession({ n: 1 }))), 'the save of another one')
  await release()
  await until(() => succeeds(store.set('held', newSession({ n: 2 }))), 'a later save')
  for (let time = 0; time < 20; time++) {
    assert.equal((await sessions.findOne({ _id: 'held' })).session.n, 2)
  }
})

test('those that share a command with held sessions are freed, and written once', async (t) => {
  const sids = ids(12, 'sid')
  const held = ['sid3', 'sid7']
  const there = await prepared(t, sids)
  const { store, sessions } = there
  const release = await hold(there, held)
  const saves = sids.map((sid) => underWay(store.set(sid, newSession({ n: 1 }))))
  await until(() => saves.filter((call) => call.isBack).length === 10, 'the others')
  assert.equal(await sessions.countDocuments({ 'session.n': 1 }), 10)
  assert.deepEqual([saves[3].isBack, saves[7].isBack], [false, false])
  // Carried out again, they could undo what somebody else has written in between.
  const oplog = there.client.db('local').collection('oplog.rs')
  const updates = { op: 'u', ns: sessions.namespace }
  assert.equal(await oplog.countDocuments(updates), 10)
  await release()
  await Promise.all(saves.map((call) => call.end))
  assert.equal(await oplog.countDocuments(updates), 12)
})

/**
 * The same behind a proxy that collects the updates with the same transaction number, once the sessions are there.
 * `onUpdate` gets what there is of a number with each of them, and may hold that up.
 */
async function watched(t, sids, onUpdate) {
  const numbered = new Map()
  let isReady = false
  const held = (command) => {
    if (!isReady || command.update === undefined) return undefined
    const key = JSON.stringify([command.lsid, command.txnNumber])
    if (!numbered.has(key)) numbered.set(key, [])
    numbered.get(key).push(command)
    return onUpdate?.(numbered.get(key))
  }
  const { port } = await watchCommands(t, mongod.port, { held })
  const uri = new URL(mongod.uri)
  uri.host = `127.0.0.1:${port}`
  uri.search = 'directConnection=true&appName=watched'
  const there = await prepared(t, sids, { uri: uri.href })
  isReady = true
  return { ...there, numbered }
}

test('a command of which one session is held comes again in parts that have less time', async (t) => {
  const sids = ids(12, 'sid')
  const there = await watched(t, sids)
  const release = await hold(there, ['sid11'])
  const saves = sids.map((sid) => underWay(there.store.set(sid, newSession({ n: 1 }))))
  await until(() => saves.filter((call) => call.isBack).length === 11, 'the others')
  // On a busy machine others may have been divided among commands of their own.
  const isHeld = ({ q }) => q._id === 'sid11'
  const [whole, part] = [...there.numbered.values()].find(
    ([first, ...others]) => others.length > 0 && first.updates.some(isHeld),
  )
  assert.ok(part.updates.length < whole.updates.length)
  assert.ok(part.maxTimeMS < whole.maxTimeMS, `${part.maxTimeMS} of ${whole.maxTimeMS} ms`)
  await release()
  await Promise.all(saves.map((call) => call.end))
})

test('a part that waits for its write concern does not have the next one wait for a held session', async (t) => {
  const admin = await MongoClient.connect(mongod.uri)
  const failPoint = (order) =>
    admin.db('admin').command({ configureFailPoint: 'failCommand', ...order })
  t.after(async () => {
    await failPoint({ mode: 'off' })
    await admin.close()
  })
  const sids = ids(12, 'sid')
  let isDelayed = false
  const there = await watched(t, sids, (commands) => {
    if (commands.length !== 2 || isDelayed) return undefined
    isDelayed = true
    // As if its disk was slow for a moment, which a real one is not at will.
    const writeConcernError = { code: 50, codeName: 'MaxTimeMSExpired', errmsg: 'in the test' }
    const data = { failCommands: ['update'], appName: 'watched', writeConcernError }
    return failPoint({ mode: { times: 1 }, data })
  })
  const release = await hold(there, ['sid11'])
  const saves = sids.map((sid) => underWay(there.store.set(sid, newSession({ n: 1 }))))
  await until(() => saves.filter((call) => call.isBack).length === 11, 'the others')
  await release()
  await Promise.all(saves.map((call) => call.end))
  const oplog = there.client.db('local').collection('oplog.rs')
  assert.equal(await oplog.countDocuments({ op: 'u', ns: there.sessions.namespace }), 12)
})

test('those that share a destroy with held sessions are freed', async (t) => {
  const sids = ids(8, 'sid')
  const there = await prepared(t, sids)
  const { store, sessions } = there
  const release = await hold(there, ['sid2', 'sid5'])
  const destroys = sids.map((sid) => underWay(store.destroy(sid)))
  await until(() => destroys.filter((call) => call.isBack).length === 6, 'the others')
  assert.equal(await sessions.countDocuments(), 2)
  await release()
  await Promise.all(destroys.map((call) => call.end))
  assert.equal(await sessions.countDocuments(), 0)
})

test('those that share a command with held sessions are encrypted once', async (t) => {
  const options = { encryption: { keys: [Buffer.alloc(32, 7)] } }
  const sids = ids(6, 'sid')
  const there = await prepared(t, sids, options)
  const { store } = there
  const release = await hold(there, ['sid1'])
  const saves = sids.map((sid) => underWay(store.set(sid, newSession({ n: 1 }))))
  await until(() => saves.filter((call) => call.isBack).length === 5, 'the others')
  await release()
  await Promise.all(saves.map((call) => call.end))
  for (const sid of sids) assert.equal((await store.get(sid)).n, 1)
})

for (const [method, remove, options] of [
  ['clear', (store) => store.clear()],
  ['destroyMany', (store) => store.destroyMany({ n: 0 })],
  ['clear with deleteFlags', (store) => store.clear(), { deleteFlags: true }],
  ['flagDeletion', (store) => store.flagDeletion(null)],
]) {
  test(`${method} beside held sessions keeps nobody else waiting`, async (t) => {
    const sids = ids(520, 'sid')
    const there = await prepared(t, sids, options)
    const { store, client, sessions } = there
    const release = await hold(there, ['sid3', 'sid510'])
    const removing = underWay(remove(store))
    // Some that are to be removed, and others.
    const called = ['sid2', 'sid500'].map((sid) => store.get(sid))
    await store.set('new', newSession({ n: 1 }))
    assert.deepEqual(await Promise.all(called), [null, null])
    await store.touch('new', newSession())
    assert.equal((await store.get('new')).n, 1)
    assert.equal(removing.isBack, false)
    await release()
    await removing.end
    const left = (await store.all()).map(({ n }) => n)
    assert.deepEqual(left, [1])
    // No document was removed twice.
    const oplog = client.db('local').collection('oplog.rs')
    const removals = { op: 'd', ns: sessions.namespace, 'o._id': { $in: sids } }
    const isDeleted = ['clear', 'destroyMany'].includes(method)
    assert.equal(await oplog.countDocuments(removals), isDeleted ? sids.length : 0)
  })
}

test('a call for many sessions answers for how many, held ones too', async (t) => {
  const sids = ids(30, 'sid')
  const there = await prepared(t, sids)
  const release = await hold(there, ['sid7'])
  const removing = there.store.destroyMany({ n: 0 })
  await until(async () => (await there.sessions.countDocuments()) === 1, 'the others')
  await release()
  assert.equal(await removing, sids.length)
})
