// What transaction numbers cost on a replica set: `node bench/transaction-numbers.mjs`. Prints a table of whole
// stores, this package and its peers, with retryable writes and without them; `-- --commands` the same of bare
// commands, in batches as this package sends them and one by one as the others do. Both take turns.
import { parseArgs } from 'node:util'
import { Long, MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { main } from '../scripts/step.mjs'
import { runLanes } from './harness/lanes.mjs'
import { demandReleaseBuild } from './harness/package-folder.mjs'
import { WEEK_MS, makeSession, sidsOf, toDocument } from './harness/sessions.mjs'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    duration: { type: 'string', default: '600' },
    commands: { type: 'boolean', default: false },
    members: { type: 'string', multiple: true, default: ['1', '3'] },
  },
})

/** Whose stores are compared, and what they are called for, with so many calls at once. */
const CONTENDERS = [
  'mongodb-session-store',
  'connect-mongo-string',
  'connect-mongo-object',
  'iwsio',
]
const METHODS = ['set', 'touch']
const CONCURRENCY = 64

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
  if (!options.commands) demandReleaseBuild()
  const rows = []
  for (const members of options.members.map(Number)) {
    const mongod = await startMongod({ replicaSet: members })
    try {
      if (options.commands) rows.push(...(await compareCommands(mongod, members)))
      else rows.push(...(await compareStores(mongod, members)))
    } finally {
      await mongod.stop()
    }
  }
  print(rows)
})

async function compareCommands({ uri }, members) {
  const client = await MongoClient.connect(uri, { maxPoolSize: 64, retryWrites: false })
  const rows = []
  try {
    await prepare(client.db())
    for (const { statements, commands } of WAYS) {
      for (const name of Object.keys(UPDATES)) {
        const turn = (numbered) => measureCommands(client, { name, statements, commands, numbered })
        const what = [`${statements} in a command`, name]
        rows.push([members, ...what, ...(await compare(turn))])
      }
    }
  } finally {
    await client.close()
  }
  return rows
}

/** Each contender twice, on a database of its own: retryable writes are what carries a number. */
async function compareStores({ uri }, members) {
  const rows = []
  for (const file of CONTENDERS) {
    const { default: contender } = await import(`./contenders/${file}.mjs`)
    const stores = new Map()
    try {
      for (const numbered of [true, false]) {
        stores.set(numbered, await openStore(contender, uri, numbered))
      }
      for (const name of METHODS) {
        const turn = (numbered) => measureStore(stores.get(numbered), name)
        rows.push([members, contender.name, name, ...(await compare(turn))])
      }
    } finally {
      for (const store of stores.values()) await contender.close(store)
    }
  }
  return rows
}

async function openStore({ format, open }, uri, numbered) {
  const address = new URL(uri.replace(/^mongodb:\/\/[^/]+/, 'http://host'))
  const [, servers] = /^mongodb:\/\/([^/]+)/.exec(uri)
  address.searchParams.set('retryWrites', String(numbered))
  const database = `${format}_${numbered ? 'numbered' : 'plain'}`
  const to = `mongodb://${servers}/${database}?${address.searchParams}`
  const client = await MongoClient.connect(to)
  await prepare(client.db(), format)
  await client.close()
  return open(to)
}

async function measureStore(store, name) {
  const { default: trial } = await import(`./trials/${name}.mjs`)
  const operation = trial.makeOperation({ store, size: 2, concurrency: CONCURRENCY })
  const durationMs = Number(options.duration)
  const { perSecond } = await runLanes({ operation, sids, concurrency: CONCURRENCY, durationMs })
  return perSecond
}

/** The operations per second with numbers, and what part of those without that is, by each round. */
async function compare(turn) {
  const ratios = []
  const withNumbers = []
  // The first round is the warm-up.
  for (let round = 0; round <= Number(options.rounds); round++) {
    const perSecond = {}
    for (const numbered of round % 2 === 0 ? [true, false] : [false, true]) {
      perSecond[numbered] = await turn(numbered)
    }
    if (round === 0) continue
    ratios.push(perSecond[true] / perSecond[false])
    withNumbers.push(perSecond[true])
  }
  ratios.sort((a, b) => a - b)
  withNumbers.sort((a, b) => a - b)
  const middle = Math.floor(ratios.length / 2)
  const [least, median, most] = [ratios[0], ratios[middle], ratios.at(-1)]
  return [
    Math.round(withNumbers[middle]),
    median.toFixed(2),
    `${least.toFixed(2)} to ${most.toFixed(2)}`,
  ]
}

function print(rows) {
  const head = [
    'members',
    'who',
    'what',
    'per second with numbers',
    'as a part of without',
    'range',
  ]
  const line = (cells) => `| ${cells.join(' | ')} |`
  console.log([line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'))
}

async function prepare(db, format = 'object') {
  await db.collection('sessions').createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
  await db.collection('sessions').deleteMany()
  await db
    .collection('sessions')
    .insertMany(sids.map((sid, seed) => toDocument(sid, makeSession(2, seed), format)))
}

async function measureCommands(client, { name, statements, commands, numbered }) {
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
