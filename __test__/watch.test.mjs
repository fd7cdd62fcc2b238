// The option watch: who holds something of a session hears when it ends, in whatever process.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import { Browser } from './express-support.mjs'
import { KEY } from './encryption-support.mjs'
import { startApp, visitorOf } from './parallel-support.mjs'
import { database, load, newSession, openStore, runProgram, until } from './support.mjs'
import { replicaSet, streams, told, tells } from './watch-support.mjs'

const server = await replicaSet()

/**
 * Runs a test on a change stream, where another store that does not watch makes the changes, and in memory, where
 * there is no other one.
 */
function onBothWatched(title, options, body) {
  test(`${title} (mongodb)`, async (t) => {
    const world = server.database()
    const { uri } = world
    const store = openStore(t, { uri, watch: true, ...options })
    await body({ t, store, other: openStore(t, { uri, ...options }), ...world })
    assert.deepEqual(store.events, [])
  })
  test(`${title} (memory)`, async (t) => {
    const store = openStore(t, { uri: 'memory:', watch: true, ...options })
    await body({ t, store, other: store })
    assert.deepEqual(store.events, [])
  })
}

const userId = (session) => session.user

/** Stores one session more, waits until it was told that it is gone, and with that everything before it. */
async function tellsNothing(store, list) {
  await store.set('last', newSession())
  await store.destroy('last')
  await tells(list, 'revoked last')
}

onBothWatched('a destroyed session is told once', {}, async ({ store, other }) => {
  const list = told(store)
  await other.set('a', newSession())
  await other.set('b', newSession())
  await other.destroy('a')
  await tells(list, 'revoked a')
  await other.destroy('a')
  await tellsNothing(store, list)
  assert.notEqual(await store.get('b'), null)
})

onBothWatched('what many sessions end by is told of each', { userId }, async (world) => {
  const { store, other } = world
  const list = told(store)
  const begin = async () => {
    for (const sid of ['a', 'b']) await other.set(sid, newSession({ user: 'ada' }))
    await other.set('c', newSession({ user: 'bob' }))
  }
  await begin()
  await other.destroyByUser('ada', { except: 'b' })
  await tells(list, 'revoked a')
  await begin()
  await other.destroyMany({ user: 'bob' })
  await tells(list, 'revoked c')
  await begin()
  await other.clear()
  await tells(list, 'revoked a', 'revoked b', 'revoked c')
})

onBothWatched('a flag is told at once, and nothing when its document goes', { deleteFlags: true }, async (world) => {
  const { store, other } = world
  const list = told(store)
  for (const sid of ['a', 'b', 'c']) await other.set(sid, newSession())
  await other.destroy('a')
  await tells(list, 'revoked a')
  await other.flagDeletion('b')
  await tells(list, 'revoked b')
  await other.clear()
  await tells(list, 'revoked c')
  assert.equal(await other.cleanup(), 3)
  await tellsNothing(store, list)
}) // prettier-ignore

onBothWatched('a session whose time is up has expired', {}, async ({ store, other }) => {
  const list = told(store)
  let touched
  let count = 0
  // On a machine that stands still it may have expired before it is touched.
  do {
    touched = `touched-${++count}`
    await other.set(touched, newSession({}, 1500))
    await other.touch(touched, newSession({}, 3_600_000))
  } while ((await other.get(touched)) === null)
  // It expires no earlier than the other one would have.
  await other.set('short', newSession({}, 1500))
  await until(() => list.includes('expired short'), 'the end of a session')
  assert.ok(!list.includes(`expired ${touched}`))
  await other.destroy(touched)
  await until(() => list.includes(`revoked ${touched}`), 'the log-out to be told')
  assert.equal(new Set(list).size, list.length)
})

onBothWatched('only sessions with the own prefix are told, without it', { prefix: 'app:' }, async (world) => {
  const { t, store, other, sessions } = world
  const list = told(store)
  await other.set('a', newSession())
  if (sessions) {
    const foreign = openStore(t, { uri: world.uri, prefix: 'x:' })
    await foreign.set('b', newSession())
    await foreign.destroy('b')
    // The lease of autoRemove, or whatever else there is.
    await sessions.insertOne({ _id: { autoRemove: 'app:' } })
    await sessions.deleteOne({ _id: { autoRemove: 'app:' } })
  }
  await other.destroy('a')
  await tells(list, 'revoked a')
}) // prettier-ignore

for (const [name, options] of Object.entries({
  hashIds: { hashIds: true, prefix: 'app:' },
  transformId: { transformId: (sid) => `T${sid}` },
})) {
  onBothWatched(`idOf knows the session that is told, with ${name}`, options, async (world) => {
    const { store, other } = world
    const list = told(store)
    await other.set('a', newSession())
    const [entry] = await other.ids()
    await other.destroy('a')
    const id = store.idOf('a')
    assert.notEqual(id, 'a')
    assert.equal(id, entry)
    await tells(list, `revoked ${id}`)
  })
}

test('idOf is the session id itself where nothing stands in its place', (t) => {
  const store = openStore(t, { uri: 'memory:', prefix: 'app:' })
  assert.equal(store.idOf('a'), 'a')
  assert.throws(() => store.idOf(), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => store.idOf('\ud800'), /idOf must be a string without lone surrogates/)
})

const DEVICE = { userId, device: true, hashIds: true, encryption: { keys: [KEY] } }

onBothWatched('a session with a handle is told with it', DEVICE, async ({ store, other }) => {
  const sessions = []
  store.on('revoked', (session) => sessions.push(session))
  await other.set('a', newSession({ user: 'ada' }))
  const [{ handle }] = await other.devices('ada')
  assert.equal(await other.revoke('ada', handle), 1)
  await until(() => sessions.length > 0, 'the log-out to be told')
  assert.deepEqual(sessions, [{ id: store.idOf('a'), handle }])
})

onBothWatched('a renewed session goes on, and ends by all of its ids', { deleteFlags: true }, async (world) => {
  const { t, store, other } = world
  const list = told(store)
  const visitor = await visitorOf(t, other)
  const ids = [await visitor.login()]
  for (let round = 0; round < 2; round++) {
    await visitor.request(async (req) => void (await other.renew(req, { grace: 60_000 })))
    ids.push(visitor.sid)
  }
  await tellsNothing(store, list)
  assert.equal(new Set(ids).size, 3)
  // Whoever holds an old id logs out the session.
  await other.destroy(ids[1])
  await tells(list, ...ids.map((id) => `revoked ${id}`))
}) // prettier-ignore

test('a log-out in another process is told, also of a session that was never here', async (t) => {
  const { uri } = server.database()
  const list = told(openStore(t, { uri, watch: true }))
  const app = await startApp(t, { uri })
  const browser = new Browser(app.origin)
  const begin = `/change?${encodeURIComponent(JSON.stringify({ set: { user: 'ada' } }))}`
  await browser.post(begin)
  const sid = browser.sid()
  const since = performance.now()
  await browser.post('/logout')
  await tells(list, `revoked ${sid}`)
  t.diagnostic(`told after ${Math.round(performance.now() - since)} ms`)
  await browser.post(begin)
  const before = browser.sid()
  await browser.post('/regenerate')
  await tells(list, `revoked ${before}`)
})

test('what other programs do is told, and a collection that is dropped', async (t) => {
  const { uri, sessions } = server.database()
  // A collection cannot be renamed while an index of it is built, as it is after a drop.
  const store = openStore(t, { uri, watch: true, createTTLIndex: false })
  const list = told(store)
  const store3 = async () => {
    for (const sid of ['a', 'b', 'c']) await store.set(sid, newSession())
  }
  await store3()
  await sessions.deleteOne({ _id: 'a' })
  await sessions.replaceOne({ _id: 'b' }, { expires: new Date(), session: {}, deleted: true })
  await tells(list, 'revoked a', 'revoked b')
  await sessions.drop()
  await tells(list, 'revoked c')
  await store3()
  await sessions.rename('elsewhere')
  await tells(list, 'revoked a', 'revoked b', 'revoked c')
  await store3()
  await store.destroy('b')
  await tells(list, 'revoked b')
})

test('what is no flag to get is none here', async (t) => {
  const { uri, sessions } = server.database()
  const store = openStore(t, { uri, watch: true })
  const list = told(store)
  await store.set('a', newSession())
  await sessions.updateOne({ _id: 'a' }, { $set: { deleted: false } })
  await sessions.insertOne({ _id: 'b', session: { cookie: {} }, deleted: null })
  await tellsNothing(store, list)
  for (const sid of ['a', 'b']) assert.notEqual(await store.get(sid), null)
  await sessions.deleteMany({})
  await tells(list, 'revoked a', 'revoked b')
})

test('with an id field of its own, sessions are told that were created since', async (t) => {
  const { uri, sessions } = server.database()
  const options = { uri, fields: { id: 'sid', expires: 'until', deleted: 'gone' }, prefix: 'p:' }
  const list = told(openStore(t, { ...options, watch: true }))
  for (const deleteFlags of [false, true]) {
    const other = openStore(t, { ...options, deleteFlags })
    await other.set('a', newSession())
    await other.destroy('a')
    await tells(list, 'revoked a')
    await sessions.deleteMany()
  }
})

test('all stores of a process on one collection share one change stream', async (t) => {
  const { uri, sessions } = server.database()
  const elsewhere = server.database()
  const { uri: other } = elsewhere
  const stores = [
    openStore(t, { uri, watch: true }),
    openStore(t, { uri, watch: true, prefix: 'app:' }),
    // The same place, by another path.
    openStore(t, { uri: other, dbName: sessions.dbName, watch: true }),
    openStore(t, { uri }),
  ]
  const lists = stores.map(told)
  await stores[0].set('app:a', newSession())
  await stores[0].destroy('app:a')
  await tells(lists[0], 'revoked app:a')
  await tells(lists[1], 'revoked a')
  await tells(lists[2], 'revoked app:a')
  assert.deepEqual(lists[3], [])
  assert.equal((await streams(server.admin, sessions)).length, 1)
  // The others go on when one is closed, and the last one ends it.
  await stores[0].close()
  await stores[1].set('b', newSession())
  await stores[1].destroy('b')
  await tells(lists[1], 'revoked b')
  await tells(lists[2], 'revoked app:b')
  assert.deepEqual(lists[0], [])
  await stores[1].close()
  assert.equal((await streams(server.admin, sessions)).length, 1)
  await stores[2].close()
  await until(
    async () => (await streams(server.admin, sessions)).length === 0,
    'the end of the change stream',
  )
})

test('calls do not wait for the change stream where there is one connection', async (t) => {
  const { uri } = server.database()
  const store = openStore(t, { uri: `${uri}&maxPoolSize=1`, watch: true })
  const list = told(store)
  await tellsNothing(store, list)
  const asked = async () => (await server.admin.command({ serverStatus: 1 })).opcounters.getmore
  // Calls that had to wait would have been beside one each, in every round; a machine that stands still has them
  // beside some.
  await until(async () => {
    const before = await asked()
    for (let n = 0; n < 40; n++) await store.get('a')
    return (await asked()) - before < 20
  }, 'calls that do not wait')
})

test('it does not matter how the store knows its place', async (t) => {
  const { uri, sessions } = server.database()
  const client = new MongoClient(uri)
  t.after(() => client.close())
  const nowhere = 'mongodb://127.0.0.1:1/none?serverSelectionTimeoutMS=50'
  const places = {
    client: { client, collection: 'a' },
    promise: { client: Promise.resolve(client), dbName: sessions.dbName, collection: 'b' },
    fallback: { uri: nowhere, fallbackMemory: true },
  }
  for (const [name, options] of Object.entries(places)) {
    const store = openStore(t, { ...options, watch: true })
    await tellsNothing(store, told(store))
    const warnings = store.events.map(({ value }) => value.code)
    assert.deepEqual(warnings, name === 'fallback' ? ['ERR_STORE_FALLBACK'] : [])
  }
})

test('without the option there is no change stream', async (t) => {
  const { uri, sessions } = server.database()
  const store = openStore(t, { uri, watch: false })
  const list = told(store)
  await store.set('a', newSession())
  await store.destroy('a')
  await store.ping()
  assert.deepEqual(await streams(server.admin, sessions), [])
  assert.deepEqual(list, [])
})

test('a process that watches ends by itself, idle or closed', async (t) => {
  const places = [server.database().uri, (await database(t)).uri, 'memory:']
  for (const [uri, end] of places.flatMap((uri) => [
    [uri, 'idle'],
    [uri, 'closed'],
  ])) {
    const { code, stdout, stderr } = await runProgram(
      `const store = new MongoSessionStore({ uri: process.argv[1], watch: true })
      store.on('revoked', ({ id }) => console.log(id))
      await store.set('a', { cookie: {} })
      if (process.argv[2] === 'closed') await store.close()`,
      { args: [uri, end] },
    )
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' }, end)
  }
})

test('a listener that throws takes nothing from the others', async () => {
  const { uri } = server.database()
  const { code, stdout, stderr } = await runProgram(
    `process.on('uncaughtException', (error) => console.log(error.message))
    const store = new MongoSessionStore({ uri: process.argv[1], watch: true })
    const done = new Promise((resolve) => {
      let count = 0
      store.on('revoked', ({ id }) => {
        if (++count === 3) resolve()
        throw new Error(id)
      })
    })
    for (const sid of ['a', 'b', 'c']) await store.set(sid, { cookie: {} })
    await store.clear()
    const alive = setInterval(() => {}, 1000)
    await done
    clearInterval(alive)
    await store.close()`,
    { args: [uri] },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').sort(), ['a', 'b', 'c'])
})

test('a session that is read late is known by what it was saved as', async (t) => {
  const { uri } = server.database()
  const store = openStore(t, { uri, watch: true })
  const list = told(store)
  await store.set('sid', newSession({ n: 1 }))
  const session = await load(store)
  await store.destroy('sid')
  await tells(list, 'revoked sid')
  session.n = 2
  await store.set('sid', session)
  await tellsNothing(store, list)
  assert.deepEqual(
    store.events.map(({ name }) => name),
    ['discard'],
  )
})
