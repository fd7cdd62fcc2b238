// What is run: which trials, at which points, by whom.

export const CONTENDERS = [
  'mongodb-session-store',
  // Its former state, where one is given.
  ...(process.env.BENCH_BEFORE ? ['before'] : []),
  'connect-mongo-string',
  'connect-mongo-object',
  'iwsio',
  'connect-mongodb-session',
  'memory-store',
  'limit',
]

const SIZES = [0.3, 2, 20]
const CONCURRENCIES = [1, 16, 64, 256]
const CONNECTIONS = [1, 8, 64]
const WORKERS = [1, 2]
const COUNTS = [1000, 100_000, 1_000_000]

/** Sessions that the operations of a trial go round on. */
const WORKING_SET = 1000

/** Only in the full run: one has no touch and gets like its sister stores, one is no store. */
const FULL_ONLY = ['connect-mongodb-session', 'limit']

/** MemoryStore has no collection, and 'limit' no latency of an operation. */
const GROWTH = without('memory-store', 'limit')
const OPEN_LOOP = without('connect-mongodb-session', 'memory-store', 'limit')
/** The driver that connect-mongodb-session brings refuses an ObjectId of the application's bson 7. */
const OF_THIS_BSON = without('connect-mongodb-session')
const WITHOUT_LIMIT = without('limit')

function without(...files) {
  return CONTENDERS.filter((file) => !files.includes(file))
}

/** Everything; about 80 minutes. Each entry is a process per contender. */
export function fullPlan() {
  return [
    ...['get', 'touch', 'set', 'mixed', 'destroy'].flatMap((trial) =>
      SIZES.map((size) => storeJob(trial, size, CONCURRENCIES)),
    ),
    storeJob('change', 20, CONCURRENCIES),
    storeJob('save', 20, CONCURRENCIES),
    ...[2, 20].map((size) => contentsJob('contents-set', size)),
    contentsJob('contents-change', 20),
    ...['http-read', 'http-write'].flatMap((trial) =>
      WORKERS.map((workers) => httpJob(trial, workers, CONNECTIONS)),
    ),
    memoryJob(),
    ...['get', 'touch', 'set'].map(growthJob),
    farJob(),
    heldJob(),
    channelsJob(),
  ]
}

/** The core figures in less than five minutes, which is why two contenders stay away. */
export function quickPlan() {
  const contenders = CONTENDERS.filter((file) => !FULL_ONLY.includes(file))
  const jobs = [
    ...['get', 'touch', 'set'].map((trial) => storeJob(trial, 2, [1, 64])),
    storeJob('get', 20, [64]),
    storeJob('change', 20, [64]),
    storeJob('save', 20, [64]),
    httpJob('http-read', 1, [64]),
  ]
  return jobs.map((job) => ({ ...job, contenders }))
}

export function storeJob(trial, size, concurrencies, more = {}) {
  const points = concurrencies.map((concurrency) => {
    const point = { size, concurrency, count: WORKING_SET, sids: `set/${size}`, ...more }
    // They are all loaded before, one by one.
    if (trial === 'save') point.count = 300
    if (trial === 'destroy') Object.assign(point, doomed(size, concurrency))
    return point
  })
  return { level: 'store', trial, points, contenders: CONTENDERS }
}

/** Sessions to be destroyed: enough for a turn, not more than are quickly there. */
function doomed(size, concurrency) {
  const count = concurrency === 1 || size > 10 ? 4000 : 20_000
  return { count, sids: `doomed/${size}/${concurrency}`, filled: true, consumed: true }
}

function contentsJob(trial, size) {
  return { ...storeJob(trial, size, [64]), contenders: OF_THIS_BSON }
}

/** A process of its own in every round: what counts is how much memory it has taken by then. */
function memoryJob() {
  const job = storeJob('memory', 2, [64], { operations: 200_000 })
  return { ...job, contenders: WITHOUT_LIMIT, fresh: true }
}

function growthJob(verb) {
  const points = COUNTS.flatMap((sessions) => {
    // Spread over the whole collection, yet not so many that their ids fill the memory.
    const count = Math.min(sessions, 50_000)
    return [1, 64].map((concurrency) => {
      return { size: 2, concurrency, sessions, count, sids: 'growth', filled: true }
    })
  })
  return { level: 'store', trial: `growth-${verb}`, points, contenders: GROWTH }
}

/** Milliseconds of a round trip, and operations a second at their own moments; once many at once. */
function farJob() {
  const points = [2, 10, 30].flatMap((distance) => [200, 1000].map((rate) => ({ distance, rate })))
  points.push({ distance: 10, concurrency: 256 })
  const job = storeJob('far', 2, [])
  return { ...job, points: points.map(atPlace('far')), contenders: OPEN_LOOP }
}

/** What it costs that somebody could listen. */
function channelsJob() {
  const job = storeJob('channels', 2, [64])
  return { ...job, contenders: ['mongodb-session-store', 'without-channels'] }
}

function heldJob() {
  const points = [1, 8].flatMap((held) => [10, 100].map((rate) => ({ held, rate })))
  const job = storeJob('held', 2, [])
  return { ...job, points: points.map(atPlace('held')), contenders: OPEN_LOOP }
}

function atPlace(sids) {
  return (point) => ({ size: 2, count: WORKING_SET, sids, ...point })
}

export function httpJob(trial, workers, connections) {
  const points = connections.map((each) => ({ size: 2, workers, connections: each }))
  return { level: 'http', trial, points, contenders: WITHOUT_LIMIT }
}
