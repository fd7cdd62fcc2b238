// `npx mongodb-session-store migrate`: the sessions of other packages, written by these packages themselves,
// become sessions of this store.
import assert from 'node:assert/strict'
import { promisify } from 'node:util'
import test from 'node:test'
import ConnectMongo from 'connect-mongo'
import session from 'express-session'
import { createRequire } from 'node:module'
import { configModule, run, runJson, sessionOf, startAndHold } from './cli-support.mjs'
import { KEY } from './encryption-support.mjs'
import { database, openStore } from './support.mjs'

const require = createRequire(import.meta.url)

/** Has a store of another package save sessions. */
async function save(store, sessions) {
  for (const [id, data] of Object.entries(sessions)) {
    await promisify(store.set.bind(store))(id, sessionOf(data))
  }
}

const SESSIONS = { first: { user: 'alice', n: 1 }, second: { user: 'bob', list: [1, { a: null }] } }

test('connect-mongo in place: texts become documents, ids and expiries stay, what is unreadable stays and is named', async (t) => {
  const { uri, sessions } = await database(t)
  const theirs = ConnectMongo.create({ mongoUrl: uri })
  t.after(() => theirs.close())
  await save(theirs, SESSIONS)
  await sessions.insertOne({
    _id: 'broken',
    expires: new Date(Date.now() + 1e6),
    session: 'no JSON',
  })
  await sessions.insertOne({ _id: 'gone', expires: new Date(1), session: '{"cookie":{}}' })
  const before = await sessions.find().sort({ _id: 1 }).toArray()
  assert.equal(typeof before.find(({ _id }) => _id === 'first').session, 'string')

  const dry = await runJson(uri, 'migrate', '--from', 'connect-mongo')
  assert.equal(dry.code, 4)
  const [{ unreadableSessions, source, target, ...counts }] = dry.records
  assert.equal(source, target)
  assert.deepEqual(counts, {
    ...{ dryRun: true, from: 'connect-mongo', pending: 2, migrated: 0, changed: 0 },
    ...{ already: 0, expired: 1, unreadable: 1 },
  })
  assert.match(unreadableSessions[0].session, /^[0-9a-f]{12}$/)
  assert.deepEqual(await sessions.find().sort({ _id: 1 }).toArray(), before)

  const config = await configModule(t, 'export default { indexes: { n: ({ n }) => n } }')
  const more = ['--yes', '--userId', 'user', '--config', config]
  const done = await runJson(uri, 'migrate', '--from', 'connect-mongo', ...more)
  assert.equal(done.records[0].migrated, 2)
  const after = await sessions.find().sort({ _id: 1 }).toArray()
  assert.deepEqual(
    after.map(({ _id, expires }) => [_id, expires]),
    before.map(({ _id, expires }) => [_id, expires]),
  )
  const first = after.find(({ _id }) => _id === 'first')
  assert.equal(first.session.n, 1)
  assert.ok(first.session.cookie.expires instanceof Date)
  assert.equal(first.userId, 'alice')
  assert.deepEqual(first.indexes, { n: 1 })
  assert.equal(after.find(({ _id }) => _id === 'broken').session, 'no JSON')
  const store = openStore(t, { uri })
  assert.deepEqual((await store.get('second')).list, [1, { a: null }])

  const again = await runJson(uri, 'migrate', '--from', 'connect-mongo', '--yes')
  assert.deepEqual([again.records[0].already, again.records[0].migrated], [2, 0])
})

test('connect-mongo with crypto: its secret in a module, and encrypted by the store’s own keys afterwards', async (t) => {
  const { uri, sessions } = await database(t)
  const theirs = ConnectMongo.create({ mongoUrl: uri, crypto: { secret: 'a secret of theirs' } })
  t.after(() => theirs.close())
  await save(theirs, SESSIONS)
  const fromConfig = await configModule(
    t,
    `export default { crypto: { secret: 'a secret of theirs' } }`,
  )
  const wrong = await configModule(t, `export default { crypto: { secret: 'another secret' } }`)
  const keys = `[Buffer.from('${KEY.toString('hex')}', 'hex')]`
  const config = await configModule(t, `export default { encryption: { keys: ${keys} } }`)
  const args = ['migrate', '--from', 'connect-mongo', '--config', config, '--yes']
  const failed = await runJson(uri, ...args, '--fromConfig', wrong)
  assert.deepEqual(
    [failed.code, failed.records[0].unreadable, failed.records[0].migrated],
    [4, 2, 0],
  )
  const done = await runJson(uri, ...args, '--fromConfig', fromConfig)
  assert.deepEqual([done.code, done.records[0].migrated], [0, 2])
  assert.doesNotMatch(JSON.stringify(await sessions.find().toArray()), /alice/)
  const store = openStore(t, { uri, encryption: { keys: [KEY] } })
  assert.equal((await store.get('first')).user, 'alice')
})

test('connect-mongodb-session with its own field names, into another collection: those of before stay', async (t) => {
  const { uri, db } = await database(t)
  const MongoDBStore = require('connect-mongodb-session')(session)
  const options = { collection: 'theirs', expiresKey: 'until' }
  const theirs = new MongoDBStore({ uri, ...options })
  t.after(() => theirs.client.close())
  await save(theirs, SESSIONS)
  const fromConfig = await configModule(t, `export default ${JSON.stringify(options)}`)
  const args = ['migrate', '--from', 'connect-mongodb-session', '--fromConfig', fromConfig]
  args.push('--collection', 'ours', '--hashIds')
  const done = await runJson(uri, ...args, '--yes')
  assert.deepEqual([done.code, done.records[0].migrated], [0, 2], done.stdout + done.stderr)
  assert.equal(await db.collection('theirs').countDocuments(), 2)
  const store = openStore(t, { uri, collection: 'ours', hashIds: true })
  assert.equal((await store.get('first')).user, 'alice')
  const { until: theirUntil } = await db.collection('theirs').findOne({ _id: 'first' })
  const [ours] = (await store.entries()).filter(({ session }) => session.user === 'alice')
  assert.deepEqual(ours.expires, theirUntil)

  // What an application has saved there meanwhile is not undone by another run.
  await store.set('first', sessionOf({ user: 'alice', newer: true }))
  const again = await runJson(uri, ...args, '--yes')
  assert.deepEqual([again.records[0].already, again.records[0].pending], [2, 0])
  assert.equal((await store.get('first')).newer, true)
})

test('express-session-mongodb into the same database, and within its own collection', async (t) => {
  const { uri, db } = await database(t)
  const insert = (name) =>
    db.collection(name).insertMany(
      Object.entries(SESSIONS).map(([SessionID, data]) => ({
        ...{ SessionID, Data: sessionOf(data), LastAccessed: new Date(Date.now() - 1000) },
      })),
    )
  await insert('Sessions')
  const fromConfig = await configModule(t, 'export default { TimeToLive: 3600 }')
  const args = ['migrate', '--from', 'express-session-mongodb', '--fromConfig', fromConfig, '--yes']
  const copied = await runJson(uri, ...args)
  assert.deepEqual([copied.code, copied.records[0].migrated], [0, 2], copied.stdout + copied.stderr)
  assert.equal((await openStore(t, { uri }).get('first')).user, 'alice')
  assert.equal(await db.collection('Sessions').countDocuments(), 2)

  const within = await runJson(
    uri,
    ...args,
    '--collection',
    'Sessions',
    '--fromCollection',
    'Sessions',
  )
  assert.deepEqual([within.code, within.records[0].migrated], [0, 2], within.stdout + within.stderr)
  const left = await db.collection('Sessions').find().toArray()
  assert.deepEqual(left.map(({ _id }) => _id).sort(), ['first', 'second'])
  const expires = left[0].expires.getTime()
  assert.ok(Math.abs(expires - Date.now() - 3_599_000) < 120_000, 'the lifetime that it had')
})

test('@iwsio/mongodb-express-session needs nothing in place, and is copied elsewhere', async (t) => {
  const { uri } = await database(t)
  const { MongoSessionStore } = await import('@iwsio/mongodb-express-session')
  const theirs = new MongoSessionStore({ uri })
  await new Promise((resolve) => theirs.once('info', resolve))
  await save(theirs, SESSIONS)
  t.after(() => theirs.close?.())
  const args = ['migrate', '--from', '@iwsio/mongodb-express-session', '--yes']
  const here = await runJson(uri, ...args)
  assert.deepEqual([here.code, here.records[0].already, here.records[0].migrated], [0, 2, 0])
  const there = await runJson(uri, ...args, '--collection', 'new', '--fromCollection', 'sessions')
  assert.deepEqual([there.code, there.records[0].migrated], [0, 2])
  assert.equal((await openStore(t, { uri, collection: 'new' }).get('second')).user, 'bob')
})

test('one that MongoDB refuses is named and costs the others nothing', async (t) => {
  const { uri, db } = await database(t)
  const theirs = ConnectMongo.create({ mongoUrl: uri })
  t.after(() => theirs.close())
  await save(theirs, SESSIONS)
  const validator = { 'session.user': { $ne: 'alice' } }
  await db.command({ collMod: 'sessions', validator })
  await db.createCollection('new', { validator })
  const migrate = ['migrate', '--from', 'connect-mongo', '--yes']
  const copy = [...migrate, '--collection', 'new', '--fromCollection', 'sessions']
  for (const args of [copy, migrate]) {
    const { records, code } = await runJson(uri, ...args)
    assert.equal(code, 4)
    assert.deepEqual([records[0].migrated, records[0].unreadable], [1, 1])
    assert.equal(records[0].unreadableSessions[0].code, 'MongoDB: 121')
  }
  assert.equal(await db.collection('sessions').countDocuments({ session: { $type: 'string' } }), 1)
})

test('what would convert a session twice or lose its id is refused', async (t) => {
  const { uri } = await database(t)
  const odd = await configModule(t, 'export default { unserialize: (stored) => ({ ...stored }) }')
  for (const more of [['--prefix', 'app:'], ['--hashIds'], ['--fromConfig', odd]]) {
    const { code, stderr } = await run(uri, 'migrate', '--from', 'connect-mongo', ...more)
    assert.equal(code, 2, stderr)
    assert.match(stderr, /another --collection/)
  }
})

test('killed in the midst, it goes on where it was, in place and into another collection', async (t) => {
  const { uri, db, sessions } = await database(t)
  const count = 300
  const text = JSON.stringify({ cookie: { path: '/' }, pad: 'x'.repeat(20_000) })
  const expires = new Date(Date.now() + 3_600_000)
  await sessions.insertMany(
    Array.from({ length: count }, (_, n) => ({ _id: `s${n}`, expires, session: text })),
  )
  const migrate = ['migrate', '--from', 'connect-mongo', '--yes']
  const copy = [...migrate, '--collection', 'new', '--fromCollection', 'sessions']
  for (const [args, filter, collection] of [
    [copy, {}, db.collection('new')],
    [migrate, { session: { $type: 'object' } }, sessions],
  ]) {
    const { child, ended } = await startAndHold(t, uri, args)
    child.kill('SIGKILL')
    assert.equal((await ended).signal, 'SIGKILL')
    const done = await collection.countDocuments(filter)
    assert.ok(done > 0 && done < count, `${done} before it was killed`)
    const { records, code } = await runJson(uri, ...args)
    assert.equal(code, 0)
    assert.deepEqual([records[0].already, records[0].migrated], [done, count - done])
    assert.equal(await collection.countDocuments(filter), count)
  }
})
