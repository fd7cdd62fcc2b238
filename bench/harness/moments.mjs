import { performance } from 'node:perf_hooks'
import { cpuNow } from './cpu.mjs'
import { figures } from './lanes.mjs'
import { Latencies } from './latencies.mjs'

/**
 * Begins `rate` operations a second for `durationMs`, each at a moment of its own whatever the others
 * do, as requests of many users come, and answers the figures once all have called back. No two that are
 * under way are on one session unless hundreds are late.
 */
export function runAtMoments({ operation, sids, rate, durationMs, mongodPid }) {
  const latencies = new Latencies()
  return new Promise((resolve, reject) => {
    let called = 0
    let back = 0
    let end
    const begin = cpuNow(mongodPid)
    let next = begin.at

    function call() {
      const started = performance.now()
      operation(sids[called % sids.length], 0, (error) => {
        if (error) return reject(error)
        latencies.add(performance.now() - started)
        back++
        if (end && back === called) resolve(figures(latencies, begin, end))
      })
      called++
    }

    function step() {
      const now = performance.now()
      for (; next <= now; next += gap(rate)) call()
      if (now < begin.at + durationMs) return setTimeout(step, next - now)
      end = cpuNow(mongodPid)
      if (back === called) resolve(figures(latencies, begin, end))
    }
    step()
  })
}

/** Milliseconds until the next of many users comes. */
function gap(rate) {
  return (-Math.log(1 - Math.random()) * 1000) / rate
}
