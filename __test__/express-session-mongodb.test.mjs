// The adapter with the interface of express-session-mongodb.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { MongoClient, ObjectId } from 'mongodb'
import { MongoSessionStore } from 'mongodb-session-store'
import Store from 'mongodb-session-store/express-session-mongodb'
import { database, freePort, newSession, until, watched } from './support.mjs'

/** A store on the test's own database, and the collection in which it keeps its sessions. */
async function openOn(t, options) {
  const { db } = await database(t)
  const store = watched(t, new Store(db, null, options))
  return { db, store, sessions: db.collection(store.collectionName) }
}

/** The indexes of a collection by their keys, as soon as there are as many. */
async function indexesOf(sessions, count) {
  const indexes = await until(async () => {
    const found = await sessions.indexes()
    return found.length === count && found
  }, `${count} indexes`)
  return Object.fromEntries(indexes.map((index) => [Object.keys(index.key).join(), index]))
}

const ago = (time) => new Date(Date.now() - time)

/** A cookie that does not expire. */
const cookie = { path: '/', httpOnly: true }

test('the constructor works with and without new, and hands the store to the callback', async (t) => {
  const { db } = await database(t)
  for (const open of [(...args) => new Store(...args), (...args) => Store(...args)]) {
    const calls = []
    const store = watched(
      t,
      open(db, (...given) => calls.push(given)),
    )
    assert.ok(store instanceof Store)
    assert.ok(store instanceof MongoSessionStore)
    assert.ok(store instanceof session.Store)
    await until(() => calls.length > 0, 'the callback')
    await store.close()
    assert.equal(calls.length, 1)
    assert.equal(calls[0][0], null)
    assert.equal(calls[0][1], store)
  }
})

test('a server that cannot be reached is an error of the callback and ends nothing', async (t) => {
  const client = new MongoClient(`mongodb://127.0.0.1:${await freePort()}/db`)
  const calls = []
  const done = (...given) => calls.push(given)
  const store = Store(client.db(), done, { operationTimeout: 300 })
  t.after(() => store.close())
  await until(() => calls.length > 0, 'the callback')
  assert.match(calls[0][0].code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
  assert.equal(calls[0][1], store)
})

test("the application's connection is left open", async (t) => {
  const { db, store } = await openOn(t)
  await store.set('sid', { cookie })
  await store.close()
  assert.equal((await db.admin().ping()).ok, 1)
})

test('without TimeToLive sessions are stored as there, and never expire', async (t) => {
  const { store, sessions } = await openOn(t)
  assert.equal(store.collectionName, 'Sessions')
  // The lifetime of the cookie is the browser's business there.
  await store.set('sid', newSession({ user: 'ada' }, -1000))
  const { _id, SessionID, Data, LastAccessed: _moment, ...others } = await sessions.findOne()
  assert.ok(_id instanceof ObjectId)
  assert.equal(SessionID, 'sid')
  assert.equal(Data.user, 'ada')
  assert.deepEqual(others, {})
  await sessions.updateOne({}, { $set: { LastAccessed: new Date(0) } })
  assert.equal((await store.get('sid')).user, 'ada')
  await sessions.updateOne({}, { $unset: { LastAccessed: 1 } })
  assert.equal((await store.get('sid')).user, 'ada')
  const indexes = await indexesOf(sessions, 2)
  assert.equal(indexes.SessionID.unique, true)
  assert.deepEqual(Object.keys(indexes), ['_id', 'SessionID'])
})

test('with TimeToLive a session lives as long after it was last read or written', async (t) => {
  const { store, sessions } = await openOn(t, { TimeToLive: 60, CollectionName: 'idle' })
  assert.equal(store.collectionName, 'idle')
  const since = Date.now()
  await store.set('sid', { cookie, user: 'ada' })
  const moment = async () => (await sessions.findOne()).LastAccessed
  const first = await moment()
  assert.ok(first > since - 10_000 && first < Date.now() + 10_000)
  const indexes = await indexesOf(sessions, 3)
  assert.equal(indexes.LastAccessed.expireAfterSeconds, 60)

  const before = ago(30_000)
  await sessions.updateOne({}, { $set: { LastAccessed: before } })
  assert.equal((await store.get('sid')).user, 'ada')
  await until(async () => (await moment()) > before, 'the read to renew the session')

  await sessions.updateOne({}, { $set: { LastAccessed: ago(61_000) } })
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.length(), 0)
})

test('IndexSessionID makes no difference', async (t) => {
  for (const IndexSessionID of [false, true]) {
    const { store, sessions } = await openOn(t, { IndexSessionID, ConvertToUtf8: true })
    await store.set('sid', { cookie })
    assert.equal((await indexesOf(sessions, 2)).SessionID.unique, true)
    assert.deepEqual(store.events, [])
  }
})

test('FlagDeletion and Cleanup answer how many sessions there were', async (t) => {
  const { store, sessions } = await openOn(t)
  for (const sid of ['a', 'b', 'c']) await store.set(sid, { cookie })
  const answerOf = (call) =>
    new Promise((resolve) => call((...given) => resolve(given))).then(([error, count]) => {
      assert.equal(error, null)
      return count
    })
  assert.equal(await answerOf((callback) => store.FlagDeletion('a', callback)), 1)
  assert.equal((await sessions.findOne({ SessionID: 'a' })).Delete, true)
  assert.equal(await store.get('a'), null)
  assert.equal(await store.length(), 2)
  assert.equal(await store.FlagDeletion(null), 2)
  assert.equal(await answerOf((callback) => store.Cleanup(callback)), 3)
  assert.equal(await store.Cleanup(), 0)
  assert.equal(await sessions.countDocuments(), 0)
})

test('an id that is missing by mistake does not flag all sessions', async (t) => {
  const { store } = await openOn(t)
  await store.set('sid', { cookie })
  for (const sid of [undefined, 0, false]) await assert.rejects(store.FlagDeletion(sid), TypeError)
  assert.equal(await store.FlagDeletion(''), 0)
  assert.equal(await store.length(), 1)
})

for (const name of ['DeleteFlags', 'DeleteFlag']) {
  test(`with ${name}, destroy and clear flag sessions`, async (t) => {
    const { store, sessions } = await openOn(t, { [name]: true })
    await store.set('a', { cookie })
    await store.set('b', { cookie })
    // It keeps a save from making another document beside the flagged one.
    await indexesOf(sessions, 2)
    await store.destroy('a')
    assert.deepEqual(await sessions.distinct('SessionID', { Delete: true }), ['a'])
    await store.set('a', { cookie })
    assert.equal(await store.get('a'), null, 'a flagged session does not come back')
    await store.clear()
    assert.equal(await sessions.countDocuments({ Delete: true }), 2)
    assert.equal(await store.Cleanup(), 2)
  })
}

test('of the two names of one flag both may be given, or the own one alone', async (t) => {
  for (const options of [
    { DeleteFlags: true, DeleteFlag: true },
    { DeleteFlags: false, DeleteFlag: true },
    { deleteFlags: true, DeleteFlags: null },
  ]) {
    const { store, sessions } = await openOn(t, options)
    await store.set('sid', { cookie })
    await store.destroy('sid')
    assert.equal((await sessions.findOne()).Delete, true, JSON.stringify(options))
  }
})

test('who removes sessions may be said where they have an end', async (t) => {
  for (const options of [
    { TimeToLive: 60, autoRemove: 'interval' },
    { TimeToLive: 60, createTTLIndex: true },
    { ttl: 60_000, autoRemove: 'native' },
    { autoRemove: 'disabled' },
    { createTTLIndex: false },
  ]) {
    const { store, sessions } = await openOn(t, options)
    await store.set('sid', { cookie, user: 'ada' })
    const hasEnd = store.ttl === 60_000
    await sessions.updateOne({}, { $set: { LastAccessed: ago(25 * 3_600_000) } })
    assert.equal(
      (await store.get('sid'))?.user,
      hasEnd ? undefined : 'ada',
      JSON.stringify(options),
    )
  }
})

test('with Filter keys are stored without special characters and values as they are', async (t) => {
  const { store, sessions } = await openOn(t, { Filter: true })
  const data = {
    'a.b.c': 1,
    $d: { 'e-f': [{ 'g\0h': new Date(5) }] },
    bytes: Buffer.from('a.b'),
    id: new ObjectId(),
    large: 5n,
  }
  const session = newSession(data)
  await store.set('sid', session)
  const { Data } = await sessions.findOne({}, { promoteBuffers: true, useBigInt64: true })
  const { cookie: _cookie, ...stored } = Data
  assert.deepEqual(stored, {
    'adot-bdot-c': 1,
    'dol-d': { 'e*-f': [{ 'gnul-h': new Date(5) }] },
    bytes: data.bytes,
    id: data.id,
    large: 5n,
  })
  const { cookie, ...read } = await store.get('sid')
  assert.deepEqual(read, data)
  assert.deepEqual(cookie.expires, session.cookie._expires)
  assert.deepEqual(await store.all(), [{ cookie, ...data }])
})

test('without Filter keys are stored as they are', async (t) => {
  const { store, sessions } = await openOn(t)
  const data = { 'a.b': 1, $c: 2, 'dot-': 3 }
  await store.set('sid', { cookie, ...data })
  const { cookie: _cookie, ...stored } = (await sessions.findOne()).Data
  assert.deepEqual(stored, data)
  const { cookie: _read, ...read } = await store.get('sid')
  assert.deepEqual(read, data)
})

test('what cannot be stored is refused with Filter as without', async (t) => {
  const { store } = await openOn(t, { Filter: true })
  const cycle = {}
  cycle.self = cycle
  await assert.rejects(store.set('sid', { cookie, cycle }), { code: 'ERR_STORE_SERIALIZATION' })
})

test('a refused argument or option is named as it was given', async (t) => {
  const { db } = await database(t)
  const refused = (DB, options, callback) => {
    let store
    try {
      store = new Store(DB, callback, options)
    } catch (error) {
      assert.ok(error instanceof TypeError, error.stack)
      return error.message
    }
    store.close()
    return assert.fail(`accepted ${JSON.stringify(options)}`)
  }
  for (const [options, pattern] of [
    [{ TimeToLive: '60' }, /'TimeToLive' must be a number of seconds/],
    [
      { TimeToLive: -1 },
      /'TimeToLive' must be a number of seconds between 0 and 4000000000000, got -1/,
    ],
    [{ TimeToLive: 1e13 }, /'TimeToLive' must be a number of seconds between 0 and 4000000000000/],
    [{ TimeToLive: NaN }, /'TimeToLive' must be a number of seconds .*, got NaN/],
    [{ TimeToLive: 1, ttl: 1000 }, /'TimeToLive' and 'ttl' exclude/],
    [{ TimeToLive: 0, ttl: 1000 }, /'TimeToLive' and 'ttl' exclude/],
    [{ autoRemove: 'native' }, /'autoRemove' needs 'TimeToLive'/],
    [{ autoRemove: 'interval', TimeToLive: 0 }, /'autoRemove' needs 'TimeToLive'/],
    [{ createTTLIndex: true }, /'createTTLIndex' needs 'TimeToLive'/],
    [{ createTTLIndex: true, autoRemove: 'disabled' }, /'createTTLIndex' needs 'TimeToLive'/],
    [{ DeleteFlags: true, deleteFlags: false }, /'DeleteFlags' and 'deleteFlags' exclude/],
    [{ DeleteFlags: false, deleteFlags: true }, /'DeleteFlags' and 'deleteFlags' exclude/],
    [{ DeleteFlag: true, deleteFlags: true }, /'DeleteFlag' and 'deleteFlags' exclude/],
    [{ CollectionName: 5 }, /'CollectionName' must be a string/],
    [{ CollectionName: 'a', collection: 'b' }, /'CollectionName' and 'collection' exclude/],
    [{ Filter: 'yes' }, /'Filter' must be a boolean/],
    [{ DeleteFlags: 1 }, /'DeleteFlags' must be a boolean/],
    [{ IndexSessionID: 1 }, /'IndexSessionID' must be a boolean/],
    [{ Filter: true, serialize: JSON.stringify }, /'Filter' and 'serialize' exclude/],
    [{ timeToLive: 1 }, /unknown option 'timeToLive'/],
    [{ uri: 'mongodb://h/d' }, /'DB' and the options 'client' and 'uri' exclude/],
    ['Sessions', /options must be an object, got string/],
  ]) {
    assert.match(refused(db, options), pattern, JSON.stringify(options))
  }
  for (const DB of [undefined, null, {}, 5, 'mongodb://h/d']) {
    assert.match(refused(DB), /'DB' must be/)
  }
  assert.match(refused(db, {}, 'done'), /callback/)
})
