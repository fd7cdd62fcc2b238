// The databases of the contenders: one each, with the TTL index there before any of them comes.
import { MongoClient } from 'mongodb'
import { startMongod } from '../../scripts/mongod.mjs'
import { withDatabase } from '../../scripts/mongodb-uri.mjs'
import { makeSession, sidOf, sidsOf, toDocument } from './sessions.mjs'

const PREFIX = 'session_store_bench'
const BATCH = 1000
const LARGE = 50_000

/** Sessions with the ids of `sidsOf(name, count)` take the same content in turn. */
const VARIANTS = 50

/** The server of MONGODB_URI, or a mongod of the bench's own, which a replica set always is. */
export async function openDatabase({ replicaSet } = {}) {
  const given = replicaSet ? undefined : process.env.MONGODB_URI
  const mongod = given ? undefined : await startMongod({ replicaSet })
  const uri = given ?? mongod.uri
  const client = await MongoClient.connect(uri)
  const { version } = await client.db('admin').command({ buildInfo: 1 })
  const used = new Set()
  let set

  /** The collection of a name; its TTL index stands for whoever comes. */
  async function collection(name) {
    const sessions = client.db(`${PREFIX}_${name}`).collection('sessions')
    if (!used.has(name)) {
      used.add(name)
      await sessions.drop()
      await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
    }
    return sessions
  }

  return {
    version,
    pid: mongod?.pid,

    /** Another one, of one member, for trials that need transactions. */
    async replicaSet() {
      return (set ??= await openDatabase({ replicaSet: 1 }))
    },

    async uriOf(name) {
      await collection(name)
      return withDatabase(uri, `${PREFIX}_${name}`)
    },

    /** Brings a collection to `count` sessions named after `sids`, of which a turn may have consumed some. */
    async fill(name, { sids, count, size, format, consumed }) {
      const sessions = await collection(name)
      if (consumed) await sessions.deleteMany({ _id: { $in: sidsOf(sids, count) } })
      else if (await sessions.findOne({ _id: sidOf(`${sids}/${count - 1}`) })) return
      if (count > LARGE) console.log(`  filling the collection with ${count} sessions`)
      const contents = Array.from({ length: VARIANTS }, (_, seed) =>
        toDocument('', makeSession(size, seed), format),
      )
      for (let at = 0; at < count; at += BATCH) {
        const length = Math.min(BATCH, count - at)
        const documents = Array.from({ length }, (_, index) => {
          const _id = sidOf(`${sids}/${at + index}`)
          return { ...contents[(at + index) % VARIANTS], _id }
        })
        await sessions.insertMany(documents, { ordered: false })
      }
    },

    /** Fails if a contender has replaced or lost the TTL index. */
    async checkIndexes() {
      for (const name of used) {
        const indexes = await client.db(`${PREFIX}_${name}`).collection('sessions').indexes()
        const ttl = indexes.filter((index) => index.expireAfterSeconds !== undefined)
        if (ttl.length !== 1) throw new Error(`${name} has ${ttl.length} TTL indexes`)
      }
    },

    async close() {
      await set?.close()
      for (const name of used) await client.db(`${PREFIX}_${name}`).dropDatabase()
      await client.close()
      await mongod?.stop()
    },
  }
}
