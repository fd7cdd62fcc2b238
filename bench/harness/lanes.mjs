import { performance } from 'node:perf_hooks'
import { cpuNow, cpuPerOperation } from './cpu.mjs'
import { Latencies } from './latencies.mjs'

/**
 * Runs an operation in `concurrency` lanes, each of which begins the next one when the last has
 * called back, and answers the figures. It ends after `durationMs`, after `operations` (and
 * `leastMs`), or when the `sids` of a trial that `consumes` them are used up. Otherwise they go round, so that no two
 * operations under way are on one session.
 */
export function runLanes({ operation, sids, consumes, concurrency, ...until }) {
  const { durationMs = Infinity, operations = Infinity, leastMs = 0, mongodPid } = until
  const latencies = new Latencies()
  return new Promise((resolve, reject) => {
    let next = 0
    let active = concurrency
    let end
    const begin = cpuNow(mongodPid)
    const deadline = begin.at + durationMs

    function run(lane) {
      const sid = consumes ? sids[next++] : sids[next++ % sids.length]
      if (end || sid === undefined) return finish()
      const started = performance.now()
      operation(sid, lane, (error) => {
        if (error) return reject(error)
        if (!end) {
          const now = performance.now()
          latencies.add(now - started)
          const isEnough = latencies.count >= operations && now >= begin.at + leastMs
          if (isEnough || now >= deadline) end = cpuNow(mongodPid)
        }
        run(lane)
      })
    }

    function finish() {
      if (--active > 0) return
      end ??= cpuNow(mongodPid)
      resolve(figures(latencies, begin, end))
    }

    for (let lane = 0; lane < concurrency; lane++) run(lane)
  })
}

/** The figures of one measurement. */
export function figures(latencies, begin, end, operations = latencies.count) {
  return {
    operations,
    perSecond: (operations * 1000) / (end.at - begin.at),
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
    slowest: latencies.percentile(1),
    cpu: cpuPerOperation(begin, end, operations),
    rss: process.memoryUsage.rss(),
  }
}
