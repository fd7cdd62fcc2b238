// A replica set of three members that loses its primary.
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { listen, listenPlainly } from './channels-support.mjs'
import { Ledger, UNREACHABLE, startLoad, witness } from './outage-support.mjs'
import { failure, freeze, newSession, openStore, runProgram, succeeds, until } from './support.mjs'

const mongod = await startMongod({ replicaSet: 3 })
const admin = await MongoClient.connect(mongod.uri)
after(async () => {
  await admin.close()
  await mongod.stop()
})

async function members() {
  const { members } = await admin.db('admin').command({ replSetGetStatus: 1 })
  return members
}

/** The member that is the primary now. */
async function primary() {
  const found = await until(async () => {
    const all = await members().catch(() => [])
    return all.find(({ stateStr }) => stateStr === 'PRIMARY')
  }, 'a primary')
  return memberOf(found)
}

function memberOf({ name }) {
  return mongod.members.find(({ port }) => name.endsWith(`:${port}`))
}

/** Waits until every member is there again, as a primary or a secondary. */
async function healthy() {
  const isUp = ({ stateStr }) => stateStr === 'PRIMARY' || stateStr === 'SECONDARY'
  await until(
    async () => (await members().catch(() => [])).filter(isUp).length === 3,
    'all members',
  )
}

/** What the plain channels tell, by their names. */
function listenToEvents(t) {
  const names = ['connection-created', 'connection-ready', 'connection-closed', 'failover']
  names.push('outage-began', 'outage-ended')
  return Object.fromEntries(names.map((name) => [name, listenPlainly(t, name)]))
}

const addressOf = ({ serverAddress, serverPort }) => `${serverAddress}:${serverPort}`

async function hasIndex(sessions) {
  const indexes = await sessions.indexes().catch(() => [])
  return indexes.some(({ name }) => name === 'expires_1')
}

async function acknowledged(ledger, count) {
  const goal = ledger.acknowledged + count
  await until(() => ledger.acknowledged >= goal, `${count} acknowledged changes`)
}

/** Changes sessions with w=majority while `hurt` runs, and then judges what is stored. */
async function underLoad(t, name, hurt) {
  await healthy()
  const uri = `${mongod.uri}&w=majority`
  const store = openStore(t, { uri, operationTimeout: 20_000, collection: name })
  const sessions = (await witness(t, mongod.uri)).db.collection(name)
  await until(() => hasIndex(sessions), 'the index')
  const ledger = new Ledger()
  const load = startLoad(t, store, ledger)
  await acknowledged(ledger, 300)
  await hurt(ledger)
  await acknowledged(ledger, 300)
  await load.stop()
  await healthy()
  await ledger.audit(sessions)
  t.diagnostic(
    `${ledger.acknowledged} acknowledged, ${ledger.failed} failed, the longest took ${ledger.longest} ms`,
  )
  return { store, load, sessions }
}

test('no acknowledged write is lost when the primary is killed', async (t) => {
  const { load, store } = await underLoad(t, 'killed', async (ledger) => {
    const victim = await primary()
    await victim.kill()
    await acknowledged(ledger, 300)
    await victim.start()
  })
  assert.deepEqual(load.errors, [])
  assert.deepEqual(store.events, [])
})

/** What another process writes for its operator, until it has been told of a failover. */
async function logOfOperator(collection) {
  const program = `
    const { subscribe } = await import('node:diagnostics_channel')
    const isOver = new Promise((resolve) => subscribe('mongodb-session-store:failover', resolve))
    const alive = setInterval(() => {}, 1000)
    const [uri, collection] = process.argv.slice(1)
    const store = new MongoSessionStore({ uri, collection, operationTimeout: 20_000 })
    await store.set('begun', { cookie: {} })
    await isOver
    clearInterval(alive)
    await store.close()`
  const env = { ...process.env, NODE_DEBUG: 'mongodb-session-store' }
  const run = runProgram(program, { args: [mongod.uri, collection], env, timeout: 300_000 })
  const begun = () => admin.db().collection(collection).findOne({ _id: 'begun' })
  await until(begun, 'the program to be connected')
  return async () => (await run).stderr
}

test('no operation fails when the primary steps down, and who listens is told of the next one', async (t) => {
  await healthy()
  const log = await logOfOperator('logged')
  const told = listenToEvents(t)
  const commands = listen(t, 'command')
  /** Where the store writes, which is the primary that it was told of last. */
  const written = async () => {
    const write = commands.findLast(({ message }) => message.operation === 'update')
    const addresses = [write.message, told.failover.at(-1)].map(addressOf)
    const { port } = await primary()
    return addresses.every((address) => address === `127.0.0.1:${port}`) && addresses[0]
  }
  const primaries = []
  const { load, store } = await underLoad(t, 'stepped-down', async (ledger) => {
    for (let round = 0; round < 2; round++) {
      const stepDown = { replSetStepDown: 20, secondaryCatchUpPeriodSecs: 10 }
      const before = told.failover.length
      await until(() => succeeds(admin.db('admin').command(stepDown)), 'a step down')
      await until(() => told.failover.length > before, 'the failover to be told')
      primaries.push(await until(written, 'writes at the primary that was told'))
      await acknowledged(ledger, 300)
    }
  })
  assert.deepEqual(load.errors, [])
  assert.deepEqual(store.events, [])
  // An election is no outage, and there are connections to whoever has won it.
  assert.deepEqual([told['outage-began'], told['outage-ended']], [[], []])
  const connected = new Set(told['connection-ready'].map(addressOf))
  const created = new Set(told['connection-created'].map(addressOf))
  for (const address of primaries) {
    assert.ok(connected.has(address) && created.has(address), address)
  }
  const [, logged] = /: express_sessions\.logged failover: the primary is (\S+)$/m.exec(await log())
  assert.ok(
    mongod.members.some(({ port }) => logged === `127.0.0.1:${port}`),
    logged,
  )
})

test('an outage of all members is told, its end, and the primary that comes out of it', async (t) => {
  await healthy()
  const told = listenToEvents(t)
  const commands = listen(t, 'command')
  const options = { collection: 'frozen', operationTimeout: 3000 }
  const store = openStore(t, { uri: mongod.uri, ...options })
  await until(() => succeeds(store.set('sid', newSession({ n: 1 }))), 'the first save')
  const before = await primary()
  t.after(() => mongod.members.forEach(({ pid }) => process.kill(pid, 'SIGCONT')))
  for (const { pid } of mongod.members) await freeze(pid)
  assert.match((await failure(store.get('sid'))).code, UNREACHABLE)
  await until(() => told['outage-began'].length > 0, 'the outage to be told')
  const { error, ...place } = told['outage-began'][0]
  assert.deepEqual(place, { collection: 'frozen', database: 'express_sessions' })
  assert.equal(error.code, 'ERR_STORE_CONNECTION')
  assert.deepEqual(told['outage-ended'], [])

  // The one that was the primary stands still for longer.
  const others = mongod.members.filter((member) => member !== before)
  for (const { pid } of others) process.kill(pid, 'SIGCONT')
  await until(() => told['outage-ended'].length > 0, 'the end of the outage to be told')
  const { duration, collection } = told['outage-ended'][0]
  assert.ok(duration > 0 && collection === 'frozen', `${duration} ms`)
  await until(() => told.failover.length > 0, 'the failover to be told')
  const next = addressOf(told.failover.at(-1))
  assert.ok(
    others.some(({ port }) => next === `127.0.0.1:${port}`),
    next,
  )
  commands.length = 0
  await until(() => succeeds(store.set('sid', newSession({ n: 2 }))), 'a save')
  const answered = ({ message }) =>
    message.operation === 'update' && message.outcome === 'succeeded'
  assert.equal(addressOf(commands.find(answered).message), next)
  assert.ok(told['connection-closed'].length > 0, 'connections were given up')
  process.kill(before.pid, 'SIGCONT')
  await healthy()
  assert.equal((await store.get('sid')).n, 2)
})

test('who watches hears of every session that ends while the primary is killed', async (t) => {
  await healthy()
  const options = { uri: `${mongod.uri}&w=majority`, collection: 'watched' }
  const store = openStore(t, { ...options, watch: true, operationTimeout: 20_000 })
  const other = openStore(t, { ...options, operationTimeout: 20_000 })
  const told = []
  store.on('revoked', ({ id }) => told.push(id))
  const sids = Array.from({ length: 40 }, (_, n) => `sid-${n}`)
  await Promise.all(sids.map((sid) => other.set(sid, newSession())))
  const victim = await primary()
  // The first are told before, some while there is no primary, the last by the new one.
  for (const [n, sid] of sids.entries()) {
    if (n === 10) await until(() => told.length === 10, 'the first to be told')
    if (n === 10) await victim.kill()
    await other.destroy(sid)
  }
  await until(() => told.length >= 40, 'all to be told')
  await victim.start()
  assert.deepEqual([...told].sort(), [...sids].sort())
  assert.deepEqual(store.events, [])
})

test('a write that too few members have in time is an error, and its outcome open', async (t) => {
  await healthy()
  const uri = `${mongod.uri}&w=3&wtimeoutMS=300`
  const store = openStore(t, { uri, collection: 'concern' })
  // A member that catches up after the test before may need longer than these 300 ms.
  await until(() => succeeds(store.set('sid', newSession({ n: 0 }))), 'all three in time')
  const { name } = (await members()).find(({ stateStr }) => stateStr === 'SECONDARY')
  const { pid } = memberOf({ name })
  await freeze(pid)
  t.after(() => process.kill(pid, 'SIGCONT'))
  const writes = {
    set: ['sid', newSession({ n: 1 })],
    touch: ['sid', newSession()],
    // While there is something to clear.
    clear: [],
    destroy: ['sid'],
  }
  for (const [method, args] of Object.entries(writes)) {
    const error = await failure(store[method](...args))
    assert.equal(error.code, 'ERR_STORE_SERVER', method)
    assert.equal(error.mongoCode, 64)
    assert.equal(error.mongoCodeName, 'WriteConcernFailed')
    assert.deepEqual(error.mongoLabels, [])
    assert.match(error.message, new RegExp(`^MongoDB refused the ${method}: WriteConcernFailed`))
  }
  process.kill(pid, 'SIGCONT')
  await until(() => succeeds(store.set('sid', newSession({ n: 2 }))), 'the third member')
  assert.equal((await store.get('sid')).n, 2)
})

/** What the server works on that has to do with the indexes of a collection. */
async function indexBuilds(name) {
  const { inprog } = await admin.db('admin').command({ currentOp: 1, $all: true })
  return inprog.filter(({ command }) => command?.createIndexes === name)
}

test('the index of a collection with sessions is there while one member is down', async (t) => {
  await healthy()
  const sessions = admin.db().collection('one-down')
  await sessions.insertOne({ _id: 'sid', expires: new Date(Date.now() + 60_000), session: {} })
  const { name } = (await members()).find(({ stateStr }) => stateStr === 'SECONDARY')
  const victim = memberOf({ name })
  await victim.kill()
  try {
    const store = openStore(t, { uri: mongod.uri, collection: 'one-down' })
    await until(() => hasIndex(sessions), 'the index')
    await until(async () => (await indexBuilds('one-down')).length === 0, 'the end of the build')
    assert.deepEqual(store.events, [])
  } finally {
    await victim.start()
  }
  await healthy()
})

test('an index that cannot be built is one attempt on the server, and none after close', async (t) => {
  await healthy()
  const sessions = admin.db().collection('held-up')
  await sessions.insertOne({ _id: 'sid', expires: new Date(Date.now() + 60_000), session: {} })
  // A build waits for transactions that have written into the collection.
  const session = admin.startSession()
  session.startTransaction()
  t.after(() => session.endSession())
  await sessions.updateOne({ _id: 'sid' }, { $set: { held: true } }, { session })
  const store = openStore(t, { uri: mongod.uri, collection: 'held-up', operationTimeout: 300 })
  await until(async () => (await indexBuilds('held-up')).length > 0, 'the build')
  // Several times as long as any call may take.
  const watched = performance.now()
  while (performance.now() - watched < 1500) {
    const builds = await indexBuilds('held-up')
    assert.ok(builds.length <= 1, `${builds.length} at once`)
    await sleep(10)
  }
  assert.equal((await indexBuilds('held-up')).length, 1)
  await store.close()
  await until(async () => (await indexBuilds('held-up')).length === 0, 'the end of the build')
  await session.abortTransaction()
  assert.equal(await hasIndex(sessions), false)
})
