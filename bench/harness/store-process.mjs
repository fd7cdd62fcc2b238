// The process of one contender in one trial at store level. The job comes as the first argument.
import { runBatches } from './batches.mjs'
import { mainThreadMethod } from './cpu.mjs'
import { runLanes } from './lanes.mjs'
import { makeSession, sidsOf } from './sessions.mjs'

const job = JSON.parse(process.argv[2])

// Without the bench there is nobody to tell.
process.once('disconnect', () => process.exit())
const { default: contender } = await import(`../contenders/${job.contender}.mjs`)
const { default: trial } = await import(`../trials/${job.trial}.mjs`)

const MOST_WARM_UP_MS = 8000

/** The warm-up of the points after the first. */
const SETTLE = { durationMs: 150 }

const store = await contender.open(job.uri)
const results = []
// The highest concurrency comes first: it warms up soonest.
for (const point of job.points.toReversed()) {
  const sids = sidsOf(point.sids, point.count)
  if (!point.filled) await fill(sids, point)
  results.unshift({ ...point, ...(await measure(sids, point)) })
}
await contender.close(store)
process.send({ type: 'results', results, mainThreadMethod })
process.disconnect()

async function measure(sids, { size, concurrency, operations }) {
  const { consumes, makeOperation, limit } = trial
  const common = { store, consumes, size, concurrency, mongodPid: job.mongodPid }
  const [first, rest] = consumes ? divide(sids) : [sids, sids]
  const warmUp = { ...common, ...(results.length === 0 ? warmUpOf(job) : SETTLE), sids: first }
  const until = operations ? { operations } : { durationMs: job.durationMs }
  const real = { ...common, ...until, sids: rest }
  if (contender.role === 'limit') {
    await runBatches({ ...warmUp, ...limit, ...SETTLE })
    return runBatches({ ...real, ...limit })
  }
  const operation = await makeOperation({ store, sids, size, concurrency })
  await runLanes({ ...warmUp, operation })
  return runLanes({ ...real, operation })
}

/** So many operations that V8 has compiled what it will compile, however slow the machine is. */
function warmUpOf({ warmUp }) {
  return { operations: warmUp, leastMs: 250, durationMs: MOST_WARM_UP_MS }
}

/** The first tenth is for warming up. */
function divide(sids) {
  const at = Math.ceil(sids.length / 10)
  return [sids.slice(0, at), sids.slice(at)]
}

/** Stores the sessions of a point, as this contender does, unless an earlier round has. */
async function fill(sids, { size }) {
  const last = await new Promise((resolve) => {
    store.get(sids.at(-1), (error, session) => resolve(session))
  })
  if (last) return
  const made = makeSession(size)
  const operation = (sid, lane, done) => store.set(sid, made, done)
  await runLanes({ operation, sids, consumes: true, concurrency: 32 })
}
