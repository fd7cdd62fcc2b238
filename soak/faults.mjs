// What can go wrong with a server and the way to it. Each fault ends healed, also when it is
// interrupted.
import { setTimeout as sleep } from 'node:timers/promises'

/** How often each fault is chosen. */
export const WEIGHTS = { kill: 3, freeze: 4, partition: 4, cut: 2, slow: 2 }

/** Does a fault to `mongod` or `proxy`; answers what it did, for the log. */
export const FAULTS = {
  async kill({ mongod, random, signal }) {
    await mongod.kill()
    try {
      return await last(random.between(0, 4000), signal)
    } finally {
      await mongod.start()
    }
  },

  async freeze({ mongod, random, signal }) {
    process.kill(mongod.pid, 'SIGSTOP')
    try {
      return await last(random.between(200, 8000), signal)
    } finally {
      process.kill(mongod.pid, 'SIGCONT')
    }
  },

  async partition({ proxy, random, signal }) {
    // Nothing goes through, and nothing is refused either; what was sent meanwhile arrives afterwards.
    proxy.arrivals = 'stall'
    proxy.stall()
    try {
      return await last(random.between(200, 8000), signal)
    } finally {
      proxy.arrivals = 'pass'
      proxy.resume()
    }
  },

  async cut({ proxy, random, signal }) {
    const times = 1 + random.below(4)
    for (let time = 0; time < times; time++) {
      proxy.reset()
      await last(random.between(0, 300), signal)
    }
    return `${times}×`
  },

  async slow({ proxy, random, signal }) {
    const ms = Math.round(random.between(5, 300))
    proxy.delay = ms
    try {
      return `${ms} ms for ${await last(random.between(1000, 5000), signal)}`
    } finally {
      proxy.delay = 0
    }
  },
}

async function last(ms, signal) {
  // An interrupted fault is healed at once, like one that is over.
  await sleep(ms, undefined, { signal }).catch(() => {})
  return `${(ms / 1000).toFixed(1)} s`
}
