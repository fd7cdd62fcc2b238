// What calls about many sessions cost those about one: `node bench/bulk.mjs`. Prints, of each in turns, the slowest of the
// calls of others that come at their own moments meanwhile, beside the slowest of the same while nothing else goes on; and
// the longest time for which a call that reads many holds up the event loop, and how much of the like V8's collector takes.
import { PerformanceObserver, monitorEventLoopDelay } from 'node:perf_hooks'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { main } from '../scripts/step.mjs'
import { runAtMoments } from './harness/moments.mjs'
import { demandReleaseBuild, packageFolder } from './harness/package-folder.mjs'
import { makeSession, sidsOf, toDocument } from './harness/sessions.mjs'
import mixed from './trials/mixed.mjs'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    destroyed: { type: 'string', default: '150000' },
    read: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '200' },
    only: { type: 'string' },
  },
})
const [rounds, destroyed, read, rate] = ['rounds', 'destroyed', 'read', 'rate'].map((name) =>
  Number(options[name]),
)

const only = options.only?.split(',')

/** Sessions of others, and how long their calls are measured while nothing else goes on, in milliseconds. */
const OTHERS = sidsOf('others', 1000)
const ALONE_MS = 5000

const REMOVALS = {
  destroyMany: (store) => store.destroyMany({ bulk: true }),
  destroyByUser: (store) => store.destroyByUser('everybody'),
}
const READS = {
  length: (store) => store.length(),
  ids: (store) => store.ids(),
  all: (store) => store.all(),
  entries: (store) => store.entries(),
  find: (store) => store.find({ bulk: true }),
}

/** Those that are wanted: `--only all,find`. */
function wanted(calls) {
  return Object.entries(calls).filter(([name]) => only === undefined || only.includes(name))
}

await main(async () => {
  demandReleaseBuild()
  const { MongoSessionStore } = await import(pathToFileURL(join(packageFolder, 'index.mjs')))
  const mongod = await startMongod()
  const client = await MongoClient.connect(mongod.uri)
  const store = new MongoSessionStore({ uri: mongod.uri, userId: ({ user }) => user?.id })
  try {
    const sessions = client.db().collection('sessions')
    for (const sid of OTHERS) await store.set(sid, makeSession(2))
    const operation = mixed.makeOperation({ store, sids: OTHERS, size: 2, concurrency: 16 })
    const others = (durationMs) =>
      runAtMoments({ operation, sids: OTHERS, rate, durationMs, mongodPid: mongod.pid })
    await others(ALONE_MS)
    for (let round = 1; round <= rounds; round++) {
      for (const [name, remove] of wanted(REMOVALS)) {
        await fill(sessions, destroyed)
        const alone = await others(ALONE_MS)
        const { took, beside, answer } = await beneath(others, () => remove(store))
        if (answer !== destroyed) throw new Error(`${name} has removed ${answer} of ${destroyed}`)
        tell(round, `${name} of ${destroyed}`, took, { alone, beside })
      }
      if (wanted(READS).length > 0) await fill(sessions, read)
      for (const [name, call] of wanted(READS)) {
        const alone = await others(ALONE_MS)
        const { took, beside, stood, collected } = await beneath(others, () => call(store))
        tell(round, `${name} of ${read}`, took, { alone, beside, stood, collected })
      }
      await sessions.deleteMany({ 'session.bulk': true })
    }
  } finally {
    await store.close()
    await client.close()
    await mongod.stop()
  }
})

/** Many sessions of one user, as the store keeps them. */
async function fill(sessions, count) {
  const PAGE = 10_000
  for (let at = 0; at < count; at += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, count - at) }, (_, index) => {
      const made = { ...makeSession(0.3, at + index), bulk: true }
      return { ...toDocument(`bulk-${at + index}`, made, 'object'), userId: 'everybody' }
    })
    await sessions.insertMany(page, { ordered: false })
  }
}

/** Has others call while something goes on, in slices of a second until it is over. */
async function beneath(others, call) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let collected = 0
  const note = (entries) => {
    for (const { duration } of entries) collected = Math.max(collected, duration)
  }
  const collections = new PerformanceObserver((list) => note(list.getEntries()))
  collections.observe({ entryTypes: ['gc'] })
  const began = performance.now()
  let isOver = false
  const ended = call().finally(() => (isOver = true))
  const beside = { slowest: 0, p99: 0 }
  do {
    const { slowest, p99 } = await others(1000)
    beside.slowest = Math.max(beside.slowest, slowest)
    beside.p99 = Math.max(beside.p99, p99)
  } while (!isOver)
  const took = performance.now() - began
  const answer = await ended
  delay.disable()
  note(collections.takeRecords())
  collections.disconnect()
  return { answer, took, beside, stood: delay.max / 1e6, collected }
}

function tell(round, what, took, { alone, beside, stood, collected }) {
  const ms = (value) => `${value.toFixed(1)} ms`
  const loop =
    stood === undefined
      ? ''
      : `, the event loop stood for at most ${ms(stood)}, the longest collection of V8 ${ms(collected)}`
  console.log(
    `round ${round}, ${what} (about ${(took / 1000).toFixed(1)} s): slowest call of others ${ms(beside.slowest)}, ` +
      `alone ${ms(alone.slowest)}; p99 ${ms(beside.p99)}, alone ${ms(alone.p99)}${loop}`,
  )
}
