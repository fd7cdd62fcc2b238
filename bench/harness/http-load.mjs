// The load generator: autocannon, in a process of its own.
import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { cookieOf, httpSids } from './http-app.mjs'
import { Latencies } from './latencies.mjs'

const LEAST_WARM_UP_MS = 500
const MOST_WARM_UP_MS = 10_000

/** It is stopped before. */
const MOST_SECONDS = 60

const { port, path, connections, warmUp, durationMs } = JSON.parse(process.argv[2])

// Without the bench there is nobody to tell.
process.once('disconnect', () => process.exit())

const latencies = new Latencies()
let begin
let end
let answered = 0
let failed = 0
let reason
let client = 0

const run = autocannon(
  {
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: MOST_SECONDS,
    setupClient,
  },
  (error) => {
    if (error) throw error
    if (failed > 0) throw new Error(`${failed} requests failed: ${reason}`)
    const operations = latencies.count
    process.send({
      type: 'figures',
      operations,
      perSecond: (operations * 1000) / (end - begin),
      // autocannon's own are in whole milliseconds.
      p50: latencies.percentile(0.5),
      p99: latencies.percentile(0.99),
    })
    process.disconnect()
  },
)

run.on('response', (_client, status, _bytes, milliseconds) => {
  answered++
  if (status !== 200) fail(`status ${status}`)
  if (begin && !end) latencies.add(milliseconds)
})
run.on('reqError', ({ message }) => fail(message))

// Everyone gets as many requests to warm up, and autocannon itself a moment.
const started = performance.now()
const warming = setInterval(() => {
  const elapsed = performance.now() - started
  if (elapsed < LEAST_WARM_UP_MS || (answered < warmUp && elapsed < MOST_WARM_UP_MS)) return
  clearInterval(warming)
  begin = performance.now()
  process.send({ type: 'begin' })
  setTimeout(() => {
    end = performance.now()
    process.send({ type: 'end' })
    run.stop()
  }, durationMs)
}, 10)

/** Takes note of a request that failed; the first says why. */
function fail(why) {
  failed++
  reason ??= why
}

/** Every connection is a user of its own, or rather several: no session has two requests at once. */
function setupClient(each) {
  const share = Math.floor(httpSids.length / connections)
  const first = share * client++
  const sids = httpSids.slice(first, first + Math.min(share, 16))
  each.setRequests(sids.map((sid) => ({ method: 'GET', path, headers: { cookie: cookieOf(sid) } })))
}
