// What transaction numbers cost a replica set: `node bench/transaction-numbers.mjs`. The same commands
// with and without them take turns, in batches as this package sends them and one by one as the other
// stores do, each with retryable writes.
import { parseArgs } from 'node:util'
import { Long, MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { main } from '../scripts/step.mjs'
import { WEEK_MS, makeSession, sidsOf, toDocument } from './harness/sessions.mjs'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    duration: { type: 'string', default: '600' },
  },
})

/** How many statements a command has, and how many commands are under way. */
const WAYS = [
  { statements: 32, commands: 2 },
  { statements: 1, commands: 64 },
]

const sids = sidsOf('transaction-numbers', 1024)
const documents = Array.from({ length: 64 }, (_, seed) =>
  toDocument('', makeSession(2, seed), 'object'),
)
let count = 0
/** Those of a logical session have to rise, and the driver uses the sessions again. */
let lastNumber = 0

const UPDATES = {
  set: () => {
    const { session } = documents[count % documents.length]
    return { $set: { expires: later(), session } }
  },
  touch: () => ({ $set: { expires: later() } }),
}

function later() {
  return new Date(Date.now() + WEEK_MS + count)
}

await main(async () => {
  for (const members of [1, 3]) {
    const mongod = await startMongod({ replicaSet: members })
    const client = await MongoClient.connect(mongod.uri, { maxPoolSize: 64, retryWrites: false })
    try {
      await prepare(client.db())
      for (const way of WAYS) {
        for (const name of Object.keys(UPDATES)) await compare(client, { members, name, ...way })
      }
    } finally {
      await client.close()
      await mongod.stop()
    }
  }
})

async function prepare(db) {
  await db.collection('sessions').createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
  await db
    .collection('sessions')
    .insertMany(sids.map((sid, seed) => toDocument(sid, makeSession(2, seed), 'object')))
}

/** Prints the updates per second with numbers as a part of those without, by each round. */
async function compare(client, { members, name, statements, commands }) {
  const ratios = []
  // The first round is the warm-up.
  for (let round = 0; round <= Number(options.rounds); round++) {
    const perSecond = {}
    for (const numbered of round % 2 === 0 ? [true, false] : [false, true]) {
      perSecond[numbered] = await measure(client, { name, statements, commands, numbered })
    }
    if (round > 0) ratios.push(perSecond[true] / perSecond[false])
  }
  ratios.sort((a, b) => a - b)
  const [least, median, most] = [0, Math.floor(ratios.length / 2), ratios.length - 1].map((index) =>
    ratios[index].toFixed(2),
  )
  console.log(
    `${members} member(s), ${name}, ${statements} in a command: ${median} (${least} to ${most})`,
  )
}

async function measure(client, { name, statements, commands, numbered }) {
  const since = Date.now()
  const end = since + Number(options.duration)
  let updates = 0
  const lane = async () => {
    const session = client.startSession({ causalConsistency: false })
    while (Date.now() < end) {
      const command = { update: 'sessions', ordered: false, updates: batch(name, statements) }
      if (numbered) command.txnNumber = Long.fromNumber(++lastNumber)
      await client.db().command(command, { session })
      updates += statements
    }
    await session.endSession()
  }
  await Promise.all(Array.from({ length: commands }, lane))
  return (updates * 1000) / (Date.now() - since)
}

function batch(name, statements) {
  return Array.from({ length: statements }, () => {
    const _id = sids[count++ % sids.length]
    return { q: { _id }, u: UPDATES[name](), upsert: name === 'set' }
  })
}
