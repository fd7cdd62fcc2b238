// A write that the server refuses among others that it takes: each has its own fate, though they leave as one
// command.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { withUser } from '../scripts/mongodb-uri.mjs'
import {
  afterwards,
  failure,
  load,
  loggedIn,
  newSession,
  openStore,
  ownMongod,
} from './support.mjs'
import { watchCommands } from './wire.mjs'

const DATABASE = 'express_sessions'

let mongod
let root

before(async () => {
  mongod = await startMongod({ auth: { user: 'root', password: 'r00t' } })
  root = await MongoClient.connect(mongod.uri)
})

after(async () => {
  await root?.close()
  await mongod?.stop()
})

/** The address for a user who may do this and nothing else. */
async function userWho(actions, port = mongod.port) {
  const db = root.db(DATABASE)
  const name = `may-${actions.join('-')}`
  const resource = { db: DATABASE, collection: '' }
  await db.command({ createRole: name, privileges: [{ resource, actions }], roles: [] })
  await db.command({ createUser: name, pwd: 'secret', roles: [name] })
  return withUser(`mongodb://127.0.0.1:${port}/${DATABASE}`, { user: name, password: 'secret' })
}

/** A collection with so many sessions in it. */
async function stored(collection, count) {
  const sessions = root.db(DATABASE).collection(collection)
  const expires = new Date(Date.now() + 60_000)
  const documents = Array.from({ length: count }, (_, n) => ({
    _id: `sid${n}`,
    expires,
    session: { cookie: {}, n: 0 },
  }))
  await sessions.insertMany(documents)
  return sessions
}

const options = { createTTLIndex: false }

test('a new session of a user who may not insert costs nobody else anything', async (t) => {
  const { port, commands } = await watchCommands(t, mongod.port)
  const uri = await userWho(['find', 'update', 'remove'], port)
  const sessions = await stored('no-insert', 20)
  const store = await loggedIn(() => openStore(t, { uri, collection: 'no-insert', ...options }))
  const loaded = await Promise.all(Array.from({ length: 20 }, (_, n) => load(store, `sid${n}`)))
  const calls = loaded.map((session, n) => {
    if (n % 2 === 0) return store.touch(`sid${n}`, newSession({}, 600_000))
    session.n = n
    return store.set(`sid${n}`, session)
  })
  calls.splice(10, 0, store.set('new', newSession()))
  const outcomes = await Promise.allSettled(calls)
  const [refused] = outcomes.splice(10, 1)
  assert.equal(refused.reason.code, 'ERR_STORE_SERVER')
  assert.equal(refused.reason.mongoCode, 13)
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    outcomes.map(() => 'fulfilled'),
  )
  const documents = await sessions.find().toArray()
  assert.equal(documents.length, 20)
  for (const { _id, expires, session } of documents) {
    const n = Number(_id.slice(3))
    if (n % 2 === 1) assert.equal(session.n, n)
    else assert.ok(expires > Date.now() + 300_000)
  }
  // Taken apart once: no statement was sent more than twice.
  const sent = commands.filter(({ update }) => update !== undefined)
  for (const { _id } of documents) {
    const times = sent.filter(({ updates }) => updates?.some(({ q }) => q._id === _id)).length
    assert.ok(times <= 2, `${times} times`)
  }
})

test('each write of a user who may only read is refused by itself', async (t) => {
  const uri = await userWho(['find'])
  await stored('read-only', 5)
  const store = await loggedIn(() => openStore(t, { uri, collection: 'read-only', ...options }))
  const calls = Array.from({ length: 5 }, (_, n) => [
    store.set(`new${n}`, newSession()),
    store.touch(`sid${n}`, newSession()),
    store.destroy(`sid${n}`),
    store.get(`sid${n}`),
  ])
  for (const outcomes of await Promise.all(calls.map((each) => Promise.allSettled(each)))) {
    const got = outcomes.pop()
    assert.equal(got.value.n, 0)
    assert.deepEqual(
      outcomes.map(({ reason }) => reason.mongoCode),
      [13, 13, 13],
    )
  }
})

test('a user who may not remove saves and reads, and is told of each destroy', async (t) => {
  const uri = await userWho(['find', 'insert', 'update'])
  await stored('no-remove', 3)
  const store = await loggedIn(() => openStore(t, { uri, collection: 'no-remove', ...options }))
  const [destroyed, saved, touched, cleared] = await Promise.allSettled([
    store.destroy('sid0'),
    store.set('new', newSession({ n: 1 })),
    store.touch('sid1', newSession()),
    store.clear(),
  ])
  for (const { reason } of [destroyed, cleared]) assert.equal(reason.mongoCode, 13)
  assert.equal(saved.status, 'fulfilled')
  assert.equal(touched.status, 'fulfilled')
  assert.equal((await store.get('new')).n, 1)
})

test('a server that is too old for a key is said to be so', async (t) => {
  // As MongoDB 4.4 answers; npm run test:servers has one.
  const own = await ownMongod(t, { args: ['--setParameter', 'enableTestCommands=1'] })
  const client = await MongoClient.connect(own.uri)
  afterwards(t, () => client.close())
  const store = openStore(t, { uri: own.uri })
  for (const errorCode of [52, 57, 168]) {
    await client.db('admin').command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['update'], errorCode },
    })
    const error = await failure(store.set('sid', newSession({ 'a.b': 1 })))
    assert.equal(error.mongoCode, errorCode)
    assert.match(error.message, /'\.' or '\$' in a key needs MongoDB 5\.0 or newer/)
  }
  await store.set('sid', newSession({ 'a.b': 1 }))
})

test('a validator that refuses one session lets the others through', async (t) => {
  const sessions = await stored('validated', 3)
  await root.db(DATABASE).command({
    collMod: 'validated',
    validator: { 'session.n': { $lt: 10 } },
  })
  const store = openStore(t, { uri: mongod.uri, collection: 'validated', ...options })
  const numbers = [1, 20, 2]
  const outcomes = await Promise.allSettled(
    numbers.map((n) => store.set(`sid${n}`, newSession({ n }))),
  )
  assert.deepEqual(
    outcomes.map(({ reason }) => reason?.mongoCode),
    [undefined, 121, undefined],
  )
  assert.equal(await sessions.countDocuments({ 'session.n': { $in: [1, 2] } }), 2)
})
