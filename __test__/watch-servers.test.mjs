// The option watch on servers that are less than a replica set in good health.
//
// A stream that breaks or has lost its place cannot be made so at a chosen moment, so here MongoDB's own test
// command makes the server answer with the codes; outage-replica-set.test.mjs has a primary that is killed.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { run } from './cli-support.mjs'
import { connected, database, driver, newSession, openStore, ownMongod, until } from './support.mjs'
import { replicaSet, streams, told, tells } from './watch-support.mjs'

const server = await replicaSet()

/** A store that watches, with a name by which its commands are known, and a function that lets these fail. */
async function failingStore(t) {
  const { uri, sessions } = server.database()
  const appName = `watch-${randomUUID().slice(0, 8)}`
  const store = openStore(t, {
    uri: `${uri}&appName=${appName}&heartbeatFrequencyMS=500`,
    watch: true,
  })
  const fail = (mode, data) =>
    server.admin.command({
      configureFailPoint: 'failCommand',
      mode,
      ...(data && { data: { ...data, appName } }),
    })
  t.after(() => fail('off'))
  const list = told(store)
  await store.set('first', newSession())
  await store.destroy('first')
  await tells(list, 'revoked first')
  return { store, sessions, list, fail }
}

// A server that steps down, one whose commands somebody ends, and a router that finds no primary of a shard.
for (const errorCode of [11_602, 11_601, 133]) {
  test(`a stream that breaks goes on where it was (${errorCode})`, async (t) => {
    const { store, sessions, list, fail } = await failingStore(t)
    const broken = { failCommands: ['getMore', 'aggregate'], errorCode }
    const { count } = await fail('alwaysOn', broken)
    await server.admin.command({
      waitForFailPoint: 'failCommand',
      timesEntered: count + 5,
      maxTimeMS: 30_000,
    })
    await store.set('a', newSession())
    await store.destroy('a')
    assert.deepEqual(list, [])
    await fail('off')
    await tells(list, 'revoked a')
    await store.set('b', newSession())
    await store.destroy('b')
    await tells(list, 'revoked b')
    assert.deepEqual(store.events, [])
    // The server is told beside that nobody reads what has broken.
    const isOne = async () => (await streams(server.admin, sessions)).length === 1
    await until(isOne, 'one change stream')
  })
}

test('what ends before a stream can be opened is told', async (t) => {
  const { uri, db } = server.database()
  const appName = `watch-${randomUUID().slice(0, 8)}`
  const { count } = await server.admin.command({
    configureFailPoint: 'failCommand',
    mode: 'alwaysOn',
    data: { failCommands: ['aggregate'], errorCode: 11_601, appName },
  })
  const fail = { configureFailPoint: 'failCommand', mode: 'off' }
  t.after(() => server.admin.command(fail))
  const store = openStore(t, { uri: `${uri}&appName=${appName}`, watch: true })
  const list = told(store)
  await store.set('a', newSession())
  await store.destroy('a')
  // The pauses between these attempts are longer than a stream begins before its time.
  await server.admin.command({
    waitForFailPoint: 'failCommand',
    timesEntered: count + 7,
    maxTimeMS: 60_000,
  })
  // By the clock of the servers, the present is their last write.
  await db.collection('others').insertOne({})
  await server.admin.command(fail)
  await tells(list, 'revoked a')
  assert.deepEqual(store.events, [])
})

for (const errorCode of [280, 286]) {
  test(`a stream that has lost its place says so and goes on from the present (${errorCode})`, async (t) => {
    const { store, list, fail } = await failingStore(t)
    await fail({ times: 1 }, { failCommands: ['getMore'], errorCode })
    const { value: warning } = await until(() => store.events[0], 'the warning')
    assert.equal(warning.code, 'ERR_STORE_WATCH')
    assert.match(warning.message, /lost.*were not told/)
    assert.equal(warning.cause.mongoCode, errorCode)
    // It is opened some time later, and what happens before that is not told.
    await until(async () => {
      await store.set('a', newSession())
      await store.destroy('a')
      return list.length > 0
    }, 'a session that is told')
    assert.ok(list.every((entry) => entry === 'revoked a'))
    assert.equal(store.events.length, 1)
  })
}

test('a user without the right is told of it once, and the sessions work', async (t) => {
  const mongod = await ownMongod(t, { replicaSet: 1, auth: { user: 'root', password: 'r00t' } })
  const client = await driver(t, mongod.uri, { authSource: 'admin' })
  const admin = client.db('admin')
  const resource = { db: 'shop', collection: '' }
  const actions = ['find', 'insert', 'update', 'remove', 'createCollection', 'createIndex']
  const privileges = [{ resource, actions: [...actions, 'listIndexes', 'listCollections'] }]
  await admin.command({ createRole: 'noStreams', privileges, roles: [] })
  await admin.command({ createUser: 'app', pwd: 'pw', roles: ['noStreams'] })
  const query = 'authSource=admin&directConnection=true'
  const uri = `mongodb://app:pw@127.0.0.1:${mongod.port}/shop?${query}`
  const store = openStore(t, { uri, watch: true })
  const { value: warning } = await until(() => store.events[0], 'the warning')
  assert.equal(warning.code, 'ERR_STORE_WATCH')
  assert.match(
    warning.message,
    /the right 'changeStream' beside 'find' on the collection 'sessions' of the database 'shop'/,
  )
  assert.equal(warning.cause.mongoCode, 13)
  const list = told(store)
  await store.set('a', newSession())
  assert.notEqual(await store.get('a'), null)
  await store.destroy('a')
  // A store that comes later knows it as well, and nobody is told twice.
  const later = openStore(t, { uri, watch: true })
  await until(() => later.events.length > 0, 'the warning')
  assert.equal(later.events[0].value.code, 'ERR_STORE_WATCH')
  assert.equal(store.events.length, 1)
  assert.deepEqual(list, [])
  const doctor = await run(uri, 'doctor', '--watch')
  assert.match(doctor.stdout, /✗ watch: no right to changeStream/)
})

test('a standalone is asked regularly what has become of its sessions', async (t) => {
  const { uri, db, sessions } = await database(t)
  const { setName } = await db.admin().command({ hello: 1 })
  if (setName !== undefined) return t.skip('the server of this run is a replica set')
  await db.command({ profile: 2 })
  const looks = { ns: sessions.namespace, op: 'query', 'command.projection.renewedTo': 1 }
  const looked = async () => {
    // One may have been under way.
    const goal = 2 + (await db.collection('system.profile').countDocuments(looks))
    await until(
      async () => (await db.collection('system.profile').countDocuments(looks)) >= goal,
      'two looks',
    )
  }
  const doctor = await run(uri, 'doctor', '--watch')
  assert.match(doctor.stdout, /! watch: one server has no change streams/)
  // What had ended before is not told.
  await sessions.insertOne({ _id: 'p:gone', expires: new Date(), session: {}, deleted: true })
  const store = openStore(t, { uri, watch: true, prefix: 'p:', deleteFlags: true })
  const list = told(store)
  const other = openStore(t, { uri, prefix: 'p:' })
  for (const sid of ['a', 'b', 'c', 'd']) await other.set(sid, newSession())
  await other.set('short', newSession({}, 1))
  await looked()
  await other.destroy('a')
  await store.destroy('b')
  // As the TTL monitor does, which stands still on the server of the tests.
  await sessions.deleteOne({ _id: 'p:short' })
  await tells(list, 'revoked a', 'revoked b', 'expired short')
  await store.cleanup()
  await looked()
  assert.deepEqual(list, [])
  await sessions.drop()
  await tells(list, 'revoked c', 'revoked d')
  await store.close()
  const count = () => db.collection('system.profile').countDocuments(looks)
  const last = await count()
  await connected(openStore(t, { uri, collection: 'others' }))
  // The server may have been at work on one.
  assert.ok((await count()) <= last + 1)
  await db.command({ profile: 0 })
})

test('what a look at a standalone has seen before it failed is told', async (t) => {
  const { uri } = await ownMongod(t, { args: ['--setParameter', 'enableTestCommands=1'] })
  const admin = (await driver(t, uri)).db('admin')
  // More than come with the first reply.
  const other = openStore(t, { uri, deleteFlags: true })
  for (let n = 0; n < 150; n++) await other.set(`sid-${n}`, newSession())
  const watching = new URL(uri)
  watching.searchParams.set('appName', 'watching')
  const { count } = await admin.command({
    configureFailPoint: 'failCommand',
    mode: 'alwaysOn',
    data: { failCommands: ['getMore'], errorCode: 175, appName: 'watching' },
  })
  const list = told(openStore(t, { uri: watching.href, watch: true, deleteFlags: true }))
  await admin.command({
    waitForFailPoint: 'failCommand',
    timesEntered: count + 1,
    maxTimeMS: 30_000,
  })
  await other.destroy('sid-1')
  await tells(list, 'revoked sid-1')
})

test('on a replica set doctor finds a change stream for those who watch', async () => {
  const { uri } = server.database()
  assert.match((await run(uri, 'doctor', '--watch')).stdout, /✓ watch: a change stream tells/)
  assert.doesNotMatch((await run(uri, 'doctor')).stdout, /watch/)
})
