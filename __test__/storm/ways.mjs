// A store at work, and the ways in which whoever holds it can end.
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoSessionStore } from '../../index.mjs'

const LANES = 40

/** Opens a store and leaves it with operations in flight that are renewed as they end. */
function busyStore(uri) {
  const store = new MongoSessionStore({ uri, operationTimeout: 500 })
  // What ends with its process is nobody's failure.
  store.on('error', () => {})
  const work = async (lane) => {
    for (let round = 0; ; round++) {
      const sid = `${lane}-${round % 4}`
      // Until the store is closed; a server that is down is no reason to stop.
      const failed = ({ code }) => code === 'ERR_STORE_CLOSED'
      if (await store.set(sid, { cookie: {}, round, text: 'ä'.repeat(200) }).catch(failed)) return
      if ((await store.get(sid).catch(failed)) === true) return
      if (await store.destroy(sid).catch(failed)) return
    }
  }
  for (let lane = 0; lane < LANES; lane++) work(lane)
  return store
}

/** Some operations in flight, after which there is nothing more to do. */
function pendingStore(uri) {
  const store = new MongoSessionStore({ uri, operationTimeout: 500 })
  store.on('error', () => {})
  for (let n = 0; n < LANES; n++) {
    store.set(`pending-${n}`, { cookie: {}, n }).catch(() => {})
    store.get(`pending-${n}`, () => {})
  }
  return store
}

/** What ends the process, or the thread, that calls it; `ms` later where there is a choice. */
export const WAYS = {
  async exit(uri, ms) {
    busyStore(uri)
    await sleep(ms)
    process.exit(3)
  },
  'exit while it opens'(uri) {
    busyStore(uri)
    process.exit(3)
  },
  'exit in a callback'(uri) {
    busyStore(uri).get('nobody', () => process.exit(3))
  },
  async 'exit while it closes'(uri, ms) {
    const store = busyStore(uri)
    await sleep(ms)
    store.close()
    process.exit(3)
  },
  async 'exit right after close'(uri, ms) {
    const store = busyStore(uri)
    await sleep(ms)
    await store.close()
    process.exit(3)
  },
  'end by itself'(uri) {
    pendingStore(uri)
  },
  'end by itself while it closes'(uri) {
    pendingStore(uri).close()
  },
  async throw(uri, ms) {
    busyStore(uri)
    await sleep(ms)
    throw new Error('the application failed')
  },
  'throw in a callback'(uri) {
    busyStore(uri).get('nobody', () => {
      throw new Error('the application failed')
    })
  },
  /** Whoever started it ends it, some time after it has said that it is busy. */
  async 'be ended'(uri, ms, busy) {
    busyStore(uri)
    busy()
    await sleep(60_000)
  },
}

/** How each way ends: the exit code, if not 0. */
export const CODES = {
  exit: 3,
  'exit while it opens': 3,
  'exit in a callback': 3,
  'exit while it closes': 3,
  'exit right after close': 3,
  throw: 1,
  'throw in a callback': 1,
}
