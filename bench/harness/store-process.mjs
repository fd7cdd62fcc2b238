// The process of one contender in one trial at store level. The job comes as the first argument, then a
// message per turn.
import { runBatches } from './batches.mjs'
import { mainThreadMethod } from './cpu.mjs'
import { runLanes } from './lanes.mjs'
import { runAtMoments } from './moments.mjs'
import { makeSession, sidsOf } from './sessions.mjs'

const job = JSON.parse(process.argv[2])

// Without the bench there is nobody to tell.
process.once('disconnect', () => process.exit())
const { default: contender } = await import(`../contenders/${job.contender}.mjs`)
const { default: trial } = await import(`../trials/${job.trial}.mjs`)

const MOST_WARM_UP_MS = 8000

/** The warm-up of a turn after the first. */
const SETTLE = { durationMs: 100 }

/** How many lanes settle where operations then begin at moments of their own. */
const SETTLING = 16

/** How many times as long as another turn one takes whose operations are few. */
const MOMENTS = 8

/** One per database. */
const stores = new Map()
/** What is ready for the next turn at the same point. */
const prepared = new Map()
let isWarm = false

process.on('message', async ({ type, point }) => {
  if (type === 'measure') {
    process.send({ type: 'figures', figures: await measure(point) })
    return
  }
  for (const store of stores.values()) await contender.close(store)
  process.disconnect()
})
process.send({ type: 'ready', mainThreadMethod })

async function measure(point) {
  const key = JSON.stringify(point)
  if (!prepared.has(key)) prepared.set(key, await prepare(point))
  const { store, sids, operation } = prepared.get(key)
  const { size, concurrency = SETTLING, operations, rate, consumed: consumes } = point
  // Those that were there have been used up.
  if (consumes && !point.filled) await fill(store, sids, size)
  const [first, rest] = consumes ? divide(sids) : [sids, sids]
  const common = { consumes, size, concurrency, mongodPid: job.mongodPid }
  const real = { ...common, sids: rest, durationMs: job.durationMs }
  if (contender.role === 'limit') {
    const batches = { store, ...trial.limit }
    await runBatches({ ...common, ...batches, ...SETTLE, sids: first })
    return runBatches({ ...real, ...batches })
  }
  await runLanes({ ...common, operation, ...(isWarm ? SETTLE : warmUpOf(job)), sids: first })
  isWarm = true
  // As many operations as are asked for, or as long as a turn is.
  if (operations) Object.assign(real, { operations, durationMs: undefined })
  const run = (sids) =>
    rate
      ? runAtMoments({ ...real, sids, operation, rate, durationMs: MOMENTS * job.durationMs })
      : runLanes({ ...real, sids, operation })
  return trial.during ? trial.during({ ...point, store, sids: rest }, run) : run(rest)
}

async function prepare(point) {
  const { uri, size, concurrency = SETTLING } = point
  if (!stores.has(uri)) stores.set(uri, await contender.open(uri))
  const store = stores.get(uri)
  const sids = sidsOf(point.sids, point.count)
  if (contender.role === 'limit') return { store, sids }
  if (!point.filled && !point.consumed) await fillOnce(store, sids, size)
  const operation = await trial.makeOperation({ store, sids, size, concurrency })
  return { store, sids, operation }
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

/** Stores the sessions of a point, unless an earlier trial has. */
async function fillOnce(store, sids, size) {
  const last = await new Promise((resolve) => {
    store.get(sids.at(-1), (error, session) => resolve(session))
  })
  if (!last) await fill(store, sids, size)
}

/** Stores the sessions of a point as this contender does. */
async function fill(store, sids, size) {
  const made = makeSession(size)
  const operation = (sid, lane, done) => store.set(sid, made, done)
  await runLanes({ operation, sids, consumes: true, concurrency: 32 })
}
