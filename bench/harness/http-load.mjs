// The load generator: autocannon, in a process of its own.
import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { cookieOf, httpSids } from './http-app.mjs'
import { Latencies } from './latencies.mjs'

const { port, path, connections, warmUpMs, durationMs } = JSON.parse(process.argv[2])

// Without the bench there is nobody to tell.
process.once('disconnect', () => process.exit())

const latencies = new Latencies()
let begin
let end
let failed = 0
let client = 0

const run = autocannon(
  {
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: Math.ceil((warmUpMs + durationMs + 500) / 1000),
    setupClient,
  },
  (error) => {
    if (error) throw error
    if (failed > 0) throw new Error(`${failed} requests failed`)
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
  if (status !== 200) failed++
  if (begin && !end) latencies.add(milliseconds)
})
run.on('reqError', () => failed++)

setTimeout(() => {
  begin = performance.now()
  process.send({ type: 'begin' })
}, warmUpMs)
setTimeout(() => {
  end = performance.now()
  process.send({ type: 'end' })
  run.stop()
}, warmUpMs + durationMs)

/** Every connection is a user of its own, or rather several: no session has two requests at once. */
function setupClient(each) {
  const share = Math.floor(httpSids.length / connections)
  const first = share * client++
  const sids = httpSids.slice(first, first + Math.min(share, 16))
  each.setRequests(sids.map((sid) => ({ method: 'GET', path, headers: { cookie: cookieOf(sid) } })))
}
