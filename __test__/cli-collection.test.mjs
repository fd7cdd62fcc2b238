// The command line about the collection as a whole: figures, indexes, and what would go wrong.
import assert from 'node:assert/strict'
import test from 'node:test'
import { configModule, run, runJson, sessionOf, withSessions } from './cli-support.mjs'
import { database, openStore, until } from './support.mjs'

test('stats counts sessions and says how large they are, and which keys make them large', async (t) => {
  const { uri } = await withSessions(t, { timestamps: true })
  const [{ sessions, bytes, ageMs, expiresInMs, largestKeys }] = (await runJson(uri, 'stats'))
    .records
  const { alive, expired, flagged, documents } = sessions
  assert.deepEqual(
    { alive, expired, flagged, documents },
    { alive: 5, expired: 1, flagged: 0, documents: 6 },
  )
  assert.ok(bytes.p50 > 500 && bytes.most < 2000 && bytes.total > 2500)
  assert.ok(ageMs.most < 600_000)
  assert.ok(expiresInMs.p50 > 3_000_000 && expiresInMs.p50 < 3_700_000)
  assert.deepEqual(
    [largestKeys[0].key, largestKeys[0].sessions, largestKeys[0].average],
    ['basket', 5, 505],
  )
  const people = await run(uri, 'stats')
  assert.match(people.stdout, /5 alive, 1 expired/)
  assert.match(people.stdout, /basket/)
})

test('indexes says what is missing, creates it when asked, and changes nothing otherwise', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions')
  const missing = await runJson(uri, 'indexes', '--userId', 'user.id')
  assert.equal(missing.code, 4)
  assert.deepEqual(
    missing.records.map(({ name, state }) => [name, state]),
    [
      ['userId_1', 'missing'],
      ['expires_1', 'missing'],
    ],
  )
  assert.equal((await sessions.indexes()).length, 1)
  const created = await runJson(uri, 'indexes', '--userId', 'user.id', '--create')
  assert.equal(created.code, 0, created.stdout)
  const there = new Map((await sessions.indexes()).map((index) => [index.name, index]))
  assert.equal(there.get('expires_1').expireAfterSeconds, 0)
  assert.equal(there.get('userId_1').sparse, true)
  // The store finds nothing to warn of.
  const store = openStore(t, { uri, userId: ({ user }) => user })
  await store.set('a', sessionOf({ user: 'a' }))
  assert.deepEqual(store.events, [])
  const other = await run(uri, 'indexes', '--expireAfter', '60000')
  assert.equal(other.code, 4)
  assert.match(other.stdout, /expires_1 +different.*"expireAfterSeconds":60/)
})

test('the indexes of values are among them, as the config module names them', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions')
  const config = await configModule(t, 'export default { indexes: { tenant: ({ tenant }) => tenant } }') // prettier-ignore
  const states = ({ records }) => records.map(({ name, state }) => [name, state])
  const indexes = (...more) => runJson(uri, 'indexes', '--config', config, ...more)
  assert.deepEqual(states(await indexes())[0], ['indexes.tenant_1__id_1', 'missing'])
  assert.equal((await indexes('--create')).code, 0)
  const made = (await sessions.indexes()).find(({ name }) => name === 'indexes.tenant_1__id_1')
  assert.deepEqual(made.key, { 'indexes.tenant': 1, _id: 1 })
  const store = openStore(t, { uri, indexes: { tenant: ({ tenant }) => tenant } })
  await store.set('a', sessionOf({ tenant: 'acme' }))
  assert.deepEqual(store.events, [])
  // It would create the index again.
  await store.close()
  await sessions.dropIndex('indexes.tenant_1__id_1')
  await sessions.createIndex({ 'indexes.tenant': 1, _id: 1 }, { unique: true, sparse: true })
  assert.deepEqual(states(await indexes())[0], ['indexes.tenant_1__id_1', 'different'])
})

test('doctor finds what would go wrong and names it', async (t) => {
  const { uri, sessions, store } = await withSessions(t)
  // The store creates it beside its calls.
  const hasIndex = async () => (await sessions.indexes()).some(({ name }) => name === 'expires_1')
  await until(hasIndex, 'the index')
  const well = await runJson(uri, 'doctor')
  const states = new Map(well.records.map(({ check, state }) => [check, state]))
  for (const check of ['connection', 'version', 'clock', 'indexes', 'collation', 'sessions']) {
    assert.equal(states.get(check), 'good', JSON.stringify(well.records))
  }
  // It would create the index again.
  await store.close()
  await sessions.dropIndex('expires_1')
  await sessions.insertOne({ _id: 'foreign', expires: new Date(Date.now() + 1e6), other: 1 })
  const ill = await runJson(uri, 'doctor')
  assert.equal(ill.code, 4)
  const problems = ill.records.filter(({ state }) => state === 'problem')
  assert.deepEqual(
    problems.map(({ check }) => check),
    ['indexes', 'sessions'],
  )
  assert.match(problems[1].message, /1 of the first 7 .*ERR_STORE_FOREIGN_DOCUMENT/)
  const removal = ill.records.find(({ check }) => check === 'removal')
  assert.equal(removal.state, 'warning')
})

test('no command but the one that is asked to creates an index', async (t) => {
  const { uri, db } = await database(t)
  await db.createCollection('sessions')
  for (const command of ['doctor', 'stats', 'users', 'list', 'purge', 'indexes']) {
    await run(uri, command, '--userId', 'user')
  }
  assert.equal((await db.collection('sessions').indexes()).length, 1)
})
