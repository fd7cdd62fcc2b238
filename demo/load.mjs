// Calls without a pause, to see what the figures do. Bounded in time and number.
const DURATION_MS = 4000
const AT_ONCE = 64
const SESSIONS = 256

export class Load {
  #isRunning = false

  /** Reads and touches sessions for a few seconds, and removes them; nothing if that is under way. */
  async run(store) {
    if (this.#isRunning) return
    this.#isRunning = true
    const ids = Array.from({ length: SESSIONS }, (_, index) => `load-${index}`)
    try {
      await Promise.all(ids.map((sid) => store.set(sid, newSession())))
      const end = Date.now() + DURATION_MS
      // Each takes its share of the sessions in turn: calls for the same one would be answered together.
      const caller = async (first) => {
        for (let at = first; Date.now() < end; at = (at + AT_ONCE) % SESSIONS) {
          const session = await store.get(ids[at])
          if (session) await store.touch(ids[at], session)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, (_, first) => caller(first)))
    } finally {
      await Promise.allSettled(ids.map((sid) => store.destroy(sid)))
      this.#isRunning = false
    }
  }
}

/** It ends by itself, should the demo not come to remove it. */
function newSession() {
  const originalMaxAge = 60_000
  const expires = new Date(Date.now() + originalMaxAge)
  return { cookie: { originalMaxAge, expires, httpOnly: true }, cart: ['a book', 'a lamp'] }
}
