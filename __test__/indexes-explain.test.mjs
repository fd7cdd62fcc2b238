// The commands of `find`, `scan`, `count` and `destroyMany` are answered from the index of a value.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, openStore, succeeds, until } from './support.mjs'

const INDEX = 'indexes.tenant_1__id_1'
const SCAN = 'IXSCAN { indexes.tenant: 1, _id: 1 }'
const COUNT = 5000

/** Sessions of fifty tenants, and a store that knows them, whose indexes are there. */
async function tenants(t, options) {
  const { uri, db, sessions } = await database(t)
  const documents = Array.from({ length: COUNT }, (_, n) => ({
    _id: `sid${String(n).padStart(5, '0')}`,
    expires: new Date(Date.now() + 3_600_000),
    session: { cookie: {}, n },
    indexes: { tenant: `tenant${n % 50}` },
  }))
  await sessions.insertMany(documents)
  const indexes = { tenant: ({ tenant }) => tenant }
  const store = openStore(t, { uri, indexes, ...options })
  // An index is listed before it has been built, and can be asked for only then.
  await until(() => succeeds(sessions.findOne({}, { hint: INDEX })), 'the index')
  return { db, sessions, store }
}

/** The reads of sessions that `run` brings about, and how each was carried out. */
async function profiled(db, run) {
  await db.setProfilingLevel('all')
  const result = await run()
  await db.setProfilingLevel('off')
  const seen = await db
    .collection('system.profile')
    .find({ ns: `${db.databaseName}.sessions`, op: { $in: ['query', 'command'] } })
    .toArray()
  await db.collection('system.profile').drop()
  // The store may still be building its other indexes.
  const reads = seen.filter(({ command }) => command.find ?? command.aggregate)
  assert.ok(reads.length > 0)
  return { result, reads }
}

/** The names of the indexes in the winning plan of a command that was sent, as the server explains it. */
async function planOf(db, command) {
  const { lsid: _lsid, $db: _db, $clusterTime: _time, txnNumber: _number, ...explained } = command
  const reply = await db.command({ explain: explained, verbosity: 'executionStats' })
  const { executionStats, queryPlanner } = reply.stages?.[0]?.$cursor ?? reply
  const text = JSON.stringify(queryPlanner.winningPlan)
  return {
    stages: [...text.matchAll(/"stage":"(\w+)"/g)].map(([, stage]) => stage),
    names: [...text.matchAll(/"indexName":"([^"]+)"/g)].map(([, name]) => name),
    examined: executionStats.totalDocsExamined,
  }
}

for (const [what, call, most] of [
  ['find', (store) => store.find({ tenant: 'tenant7' }), COUNT / 50],
  ['a part of a list', (store) => store.find({ tenant: 'tenant7' }, { limit: 10 }), 11],
  [
    'a later part of a list',
    async (store) => {
      const { next } = await store.find({ tenant: 'tenant7' }, { limit: 50 })
      return store.find({ tenant: 'tenant7' }, { limit: 10, after: next })
    },
    51,
  ],
  ['find by several values', (store) => store.find({ tenant: ['tenant7', 'tenant8'] }), 200],
  ['find by a range', (store) => store.find({ tenant: { $gte: 'tenant8', $lt: 'tenant9' } }), 100],
  ['a list that is sorted', (store) => store.find({}, { sort: { tenant: 1 }, limit: 10 }), 11],
  [
    'a list that is sorted the other way',
    (store) => store.find({}, { sort: { tenant: -1 }, limit: 10 }),
    11,
  ],
  ['count', (store) => store.count({ tenant: 'tenant7' }), COUNT / 50],
  ['destroyMany', (store) => store.destroyMany({ tenant: 'tenant7' }), COUNT / 50],
  ['scan', (store) => store.scan({ filter: { tenant: 'tenant7' } }).next(), COUNT / 50],
]) {
  test(`${what} reads no more than what the index leads to`, async (t) => {
    const { db, store } = await tenants(t)
    const { result, reads } = await profiled(db, () => call(store))
    assert.ok(result)
    for (const { planSummary, docsExamined } of reads) {
      // Of several ranges there are several scans.
      for (const scan of planSummary.split(/, (?=\w+ \{)/)) assert.equal(scan, SCAN)
      assert.ok(docsExamined <= most, `${docsExamined} documents`)
    }
    const { stages, names, examined } = await planOf(db, reads.at(-1).command)
    assert.ok(stages.includes('IXSCAN') && !stages.includes('COLLSCAN'), stages.join())
    assert.ok(names.includes(INDEX), names.join())
    assert.ok(examined <= most, `${examined} documents`)
  })
}

test('pages of a list that is sorted by an index follow each other in it', async (t) => {
  const { db, store } = await tenants(t)
  for (const direction of [1, -1]) {
    const sort = { tenant: direction }
    const { next } = await store.find({}, { sort, limit: 2500 })
    const { result, reads } = await profiled(db, () => store.find({}, { sort, limit: 10, after: next })) // prettier-ignore
    assert.equal(result.length, 10)
    const [{ command, hasSortStage, docsExamined }] = reads
    assert.ok(!hasSortStage, 'nothing is sorted in memory')
    assert.ok(docsExamined < 100, `${docsExamined} documents`)
    const { stages } = await planOf(db, command)
    assert.ok(!stages.includes('COLLSCAN') && !stages.includes('SORT'), stages.join())
  }
})

test('encrypted sessions are found by the index, too', async (t) => {
  const { db, store } = await tenants(t, { encryption: { keys: [Buffer.alloc(32, 7)] } })
  const { reads } = await profiled(db, () => store.count({ tenant: 'tenant7' }))
  assert.equal(reads[0].planSummary, SCAN)
})
