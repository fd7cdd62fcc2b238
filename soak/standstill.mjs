// For how long this process did not run though it had something to do. On a busy machine that is nobody's fault.

/** How often it is looked whether the process runs. */
const BEAT_MS = 100

/** For how long that is remembered: longer than anything takes. */
const KEPT_MS = 300_000

export class Standstills {
  #last = performance.now()
  #used = usedMs()
  /** Each with its end. */
  #all = []
  longestMs = 0

  constructor() {
    setInterval(() => this.#beat(), BEAT_MS).unref()
  }

  #beat() {
    const at = performance.now()
    const ms = this.#present(at)
    if (ms > 0) this.#all.push({ end: at, ms })
    this.longestMs = Math.max(this.longestMs, ms)
    this.#all = this.#all.filter(({ end }) => end > at - KEPT_MS)
    this.#last = at
    this.#used = usedMs()
  }

  /** What computes is busy by itself, so that this time is its own. */
  #present(at) {
    return Math.max(0, at - this.#last - BEAT_MS - (usedMs() - this.#used))
  }

  /** How many of the last so many milliseconds the process stood still. */
  among(ms) {
    const at = performance.now()
    const past = this.#all.filter(({ end }) => end > at - ms)
    const sum = past.reduce((sum, each) => sum + each.ms, this.#present(at))
    return Math.min(ms, sum)
  }
}

function usedMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
