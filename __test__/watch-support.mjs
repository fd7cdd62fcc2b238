// What the tests of the option watch share: servers with and without change streams, and what was told.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import { until } from './support.mjs'

/** A replica set of one, whose TTL monitor comes every second. It ends with the file. */
export async function replicaSet() {
  const parameters = ['ttlMonitorSleepSecs=1', 'enableTestCommands=1']
  const args = parameters.flatMap((parameter) => ['--setParameter', parameter])
  const mongod = await startMongod({ replicaSet: 1, args })
  const client = await MongoClient.connect(mongod.uri)
  after(async () => {
    await client.close()
    await mongod.stop()
  })
  /** A database of the test's own. */
  const database = () => {
    const name = `test_${randomUUID().slice(0, 8)}`
    const db = client.db(name)
    return { uri: withDatabase(mongod.uri, name), db, sessions: db.collection('sessions') }
  }
  return { client, admin: client.db('admin'), database }
}

/** What a store tells, as `name id`, in a list that grows. */
export function told(store) {
  const list = []
  for (const name of ['revoked', 'expired']) {
    store.on(name, ({ id }) => list.push(`${name} ${id}`))
  }
  return list
}

/** Waits until this was told, in any order, and nothing else. */
export async function tells(list, ...expected) {
  await until(() => list.length >= expected.length, `${expected.length} to be told`)
  assert.deepEqual(list.splice(0).sort(), expected.sort())
}

/** The cursors of change streams on a collection, by their ids. */
export async function streams(admin, sessions) {
  const stages = [{ $currentOp: { allUsers: true, idleCursors: true } }]
  const all = await admin.aggregate(stages).toArray()
  const ids = all
    .filter(({ ns, cursor }) => ns === sessions.namespace && isStream(cursor))
    .map(({ cursor }) => String(cursor.cursorId))
  return [...new Set(ids)]
}

function isStream(cursor) {
  const [first] = cursor?.originatingCommand?.pipeline ?? []
  return first !== undefined && '$changeStream' in first
}
