// Write concern, read concern, read preference and retries of the connection string reach every
// command, and a replica set does with them what they say.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { after, before } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import {
  PATIENT,
  connected,
  failure,
  freeze,
  inTime,
  load,
  newSession,
  openStore,
  succeeds,
  until,
} from './support.mjs'
import { watchCommands } from './wire.mjs'

const WRITES = ['update', 'delete', 'createIndexes']
const READS = ['find', 'aggregate']
const DATABASE = 'express_sessions'
const TAG = { use: 'sessions' }

let mongod
/** A client of each member by its state. */
let primary
let secondaries

before(async () => {
  mongod = await startMongod({
    replicaSet: 3,
    args: ['--setParameter', 'enableTestCommands=1'],
  })
  const clients = await Promise.all(mongod.members.map(directClient))
  // Until they are told not to, members whose primary stands still for two seconds elect another.
  await until(() => succeeds(settle(clients)), 'a primary that stays')
})

after(async () => {
  await Promise.all([primary, ...(secondaries ?? [])].map((client) => client?.close()))
  await mongod?.stop()
})

const directClient = ({ port }) =>
  MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`)

const portOf = (client) => client.options.hosts[0].port

/** Finds the primary, and has it stay so. */
async function settle(clients) {
  const states = await Promise.all(
    clients.map((client) => client.db('admin').command({ hello: 1 })),
  )
  primary = clients[states.findIndex(({ isWritablePrimary }) => isWritablePrimary)]
  secondaries = clients.filter((client) => client !== primary)
  await configure(portOf(secondaries[1]))
}

async function configure(port) {
  const { config } = await primary.db('admin').command({ replSetGetConfig: 1 })
  config.version += 1
  for (const member of config.members) member.tags = member.host.endsWith(`:${port}`) ? TAG : {}
  // No member is to copy from one that is frozen, and a machine that stands still is no reason to elect.
  Object.assign(config.settings, { chainingAllowed: false, electionTimeoutMillis: 60_000 })
  await primary.db('admin').command({ replSetReconfig: config })
}

/** A connection string for the whole set. */
const toSet = (query) => `${mongod.uri}${mongod.uri.includes('?') ? '&' : '?'}${query}`

/** A connection string for one member. */
const toMember = (client, query = '') =>
  `mongodb://127.0.0.1:${portOf(client)}/${DATABASE}?directConnection=true&${query}`

/** Waits until all members have what the primary has, and know that a majority does. */
async function replicated(sid, collection = 'sessions') {
  const options = { readPreference: 'secondary', readConcern: { level: 'majority' } }
  for (const client of secondaries) {
    const sessions = client.db(DATABASE).collection(collection)
    await until(() => sessions.findOne({ _id: sid }, options), 'replication')
  }
}

/** Which members noted reads of an application: the answer's elements are clients. */
async function readersOf(appName) {
  const members = [primary, ...secondaries]
  const counts = await Promise.all(
    members.map((client) => {
      const profile = client.db(DATABASE).collection('system.profile')
      return profile.countDocuments({ appName, ns: `${DATABASE}.sessions` })
    }),
  )
  return members.filter((_, index) => counts[index] > 0)
}

test('every command carries the concerns of the connection string', async (t) => {
  const { port, commands } = await watchCommands(t, portOf(primary))
  const query = 'w=majority&journal=true&wtimeoutMS=70000&readConcernLevel=majority'
  const uri = `mongodb://127.0.0.1:${port}/${DATABASE}?directConnection=true&${query}`
  const store = await connected(openStore(t, { uri, deleteFlags: true, ...PATIENT }))
  const plain = openStore(t, { uri, ...PATIENT })
  for (const each of [store, plain]) {
    await each.set('sid', newSession())
    await each.get('sid')
    await each.touch('sid', newSession())
    await each.all()
    await each.length()
    await each.flagDeletion('sid')
    await each.cleanup()
    await each.destroy('sid')
    await each.clear()
  }
  const named = (names) => commands.filter((command) => names.includes(Object.keys(command)[0]))
  // The index is created beside the calls, and nothing waits for it.
  for (const name of [...WRITES, ...READS]) await until(() => named([name]).length > 0, name)
  const [writes, reads] = [named(WRITES), named(READS)]
  for (const { writeConcern } of writes) {
    assert.deepEqual(writeConcern, { w: 'majority', wtimeout: 70_000, j: true })
  }
  // What a removal is about, the primary is asked for, and of that the ids; it knows of everything so far. So it is
  // for where a session has gone that a write has not found.
  const isOfIds = ({ projection }) => projection !== undefined
  assert.ok(reads.some(isOfIds))
  const [ofIds, others] = [reads.filter(isOfIds), reads.filter((read) => !isOfIds(read))]
  for (const { readConcern } of ofIds) assert.equal(readConcern, undefined)
  const [followed, asked] = [
    others.filter(({ readConcern }) => readConcern === undefined),
    others.filter(({ readConcern }) => readConcern !== undefined),
  ]
  for (const { filter } of followed) assert.deepEqual(filter, { _id: 'sid' })
  for (const { readConcern } of asked) assert.deepEqual(readConcern, { level: 'majority' })
})

test('a write that too few members confirm in time fails, and says so', async (t) => {
  const [one] = secondaries
  const { pid } = mongod.members.find(({ port }) => port === portOf(one))
  const store = await connected(openStore(t, { uri: toSet('w=3&wtimeoutMS=500') }))
  await until(() => succeeds(store.set('sid', newSession())), 'all three in time')
  await freeze(pid)
  t.after(() => process.kill(pid, 'SIGCONT'))
  const error = await failure(store.set('sid', newSession({ late: true })))
  assert.equal(error.code, 'ERR_STORE_SERVER')
  assert.equal(error.mongoCode, 64)
  assert.match(error.message, /set/)
  // What the others have confirmed stays.
  assert.equal((await store.get('sid')).late, true)
  const patient = openStore(t, { uri: toSet('w=majority&wtimeoutMS=50000'), ...PATIENT })
  await patient.set('sid', newSession())
})

test('a write concern that cannot be met is an error', async (t) => {
  const store = openStore(t, { uri: toSet('w=7&wtimeoutMS=1000') })
  const error = await failure(store.set('sid', newSession()))
  assert.equal(error.code, 'ERR_STORE_SERVER')
  assert.equal(error.mongoCode, 100)
  const tagged = openStore(t, { uri: toSet('w=unknown&wtimeoutMS=1000') })
  assert.equal((await failure(tagged.set('sid', newSession()))).mongoCode, 79)
})

test('a read preference is served by the members that it names', async (t) => {
  const writer = openStore(t, { uri: toSet('w=3') })
  await until(() => succeeds(writer.set('read', newSession({ user: 'me' }))), 'all three')
  await replicated('read')
  const profiled = [primary, ...secondaries].map((client) => client.db(DATABASE))
  await Promise.all(profiled.map((db) => db.command({ profile: 2 })))
  t.after(() => Promise.all(profiled.map((db) => db.command({ profile: 0 }))))
  const tagged = portOf(secondaries[1])
  const cases = [
    ['', [portOf(primary)]],
    ['readPreference=primaryPreferred', [portOf(primary)]],
    ['readPreference=secondary', secondaries.map(portOf)],
    ['readPreference=secondary&readPreferenceTags=use:sessions', [tagged]],
    ['readPreference=nearest&readPreferenceTags=a:b&readPreferenceTags=use:sessions', [tagged]],
  ]
  for (const [index, [query, allowed]] of cases.entries()) {
    const appName = `reader${index}`
    const uri = toSet(`${query}&appName=${appName}`)
    const store = await connected(openStore(t, { uri, createTTLIndex: false }))
    // It takes a secondary as long as the primary has not been found, and only a write waits for that.
    if (query === 'readPreference=primaryPreferred') await store.touch('read', newSession())
    assert.equal((await store.get('read')).user, 'me')
    await store.length()
    const ports = (await readersOf(appName)).map(portOf)
    assert.ok(ports.length > 0 && ports.every((port) => allowed.includes(port)), query)
  }
})

/** Has the secondaries stand still until `resume` is called: they answer, and replicate nothing. */
async function stopReplication(t) {
  const order = (mode) => ({ configureFailPoint: 'rsSyncApplyStop', mode })
  const all = (mode) =>
    Promise.all(secondaries.map((client) => client.db('admin').command(order(mode))))
  t.after(() => all('off'))
  await all('alwaysOn')
  return () => all('off')
}

for (const query of [
  'readPreference=nearest',
  'readPreference=secondaryPreferred',
  'readPreference=secondary',
  'readPreference=secondary&readConcernLevel=local',
  'readPreference=secondary&readConcernLevel=majority',
  'readPreference=secondary&readConcernLevel=available',
]) {
  test(`what a store has written it reads, with ${query}`, async (t) => {
    const collection = `own_${randomUUID().slice(0, 8)}`
    const uri = toSet(`${query}&w=1&localThresholdMS=10000`)
    const options = { collection, createTTLIndex: false, ...PATIENT }
    const stranger = openStore(t, { ...options, uri: toSet('w=3') })
    const sids = ['saved', 'destroyed', 'ended', 'other']
    for (const sid of sids) await stranger.set(sid, newSession({ n: 0 }))
    await replicated(sids.at(-1), collection)
    const store = await connected(openStore(t, { ...options, uri }))
    const resume = await stopReplication(t)
    const saved = await load(store, 'saved')
    saved.n = 1
    await Promise.all([
      store.set('saved', saved),
      store.set('new', newSession({ n: 1 })),
      store.destroy('destroyed'),
      store.destroy('ended'),
    ])
    const get = (sid) => store.get(sid)
    const gone = Promise.all(['destroyed', 'ended'].map(get))
    // What is called in another turn leaves in another command.
    await setImmediate()
    const saves = Promise.all(['saved', 'new'].map(get))
    const lists = Promise.all([store.length(), store.ids()])
    await resume()
    assert.deepEqual(await gone, [null, null])
    const numbers = (await saves).map(({ n }) => n)
    assert.deepEqual(numbers, [1, 1])
    const [length, ids] = await lists
    assert.equal(length, 3)
    assert.deepEqual(ids, ['new', 'other', 'saved'])
    await stopReplication(t)
    await store.clear()
    const read = store.get('other')
    await resume()
    assert.equal(await read, null)
  })
}

test('replicaSet finds the primary from any member, and has to be its name', async (t) => {
  const seed = `mongodb://127.0.0.1:${portOf(secondaries[0])}/${DATABASE}`
  const store = openStore(t, { uri: `${seed}?replicaSet=rs0` })
  await store.set('found', newSession())
  const wrong = openStore(t, { uri: `${seed}?replicaSet=other&serverSelectionTimeoutMS=1000` })
  const error = await failure(wrong.get('found'))
  assert.equal(error.code, 'ERR_STORE_CONNECTION')
})

test('directConnection stays with the member, which reads but does not write', async (t) => {
  const writer = openStore(t, { uri: toSet('w=3') })
  await until(() => succeeds(writer.set('direct', newSession({ user: 'me' }))), 'all three')
  await replicated('direct')
  const store = openStore(t, { uri: toMember(secondaries[0]), createTTLIndex: false })
  assert.equal((await store.get('direct')).user, 'me')
  const error = await failure(store.set('direct', newSession()))
  assert.equal(error.code, 'ERR_STORE_SERVER')
  assert.equal(error.mongoCodeName, 'NotWritablePrimary')
})

/** Makes the next command of this name fail with a code that drivers retry. */
function failOnce(t, command) {
  const admin = primary.db('admin')
  t.after(() => admin.command({ configureFailPoint: 'failCommand', mode: 'off' }))
  return admin.command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: [command], errorCode: 11_602, appName: `retry-${command}` },
  })
}

for (const [option, command, run] of [
  ['retryReads', 'find', (store) => store.get('retried')],
  ['retryWrites', 'update', (store) => store.set('retried', newSession())],
]) {
  test(`${option} says whether the command is sent again when ${command} has failed`, async (t) => {
    for (const value of [true, false]) {
      const query = `appName=retry-${command}&${option}=${value}`
      const store = await connected(openStore(t, { uri: toSet(query), createTTLIndex: false }))
      // A read that is sent a second time because it is late proves nothing.
      const outcome = await inTime(store, async () => {
        await failOnce(t, command)
        return run(store).catch((error) => error)
      })
      assert.equal(outcome?.mongoCode, value ? undefined : 11_602)
    }
  })
}
