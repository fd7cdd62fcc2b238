// An outage to look at: the demo's own mongod stands still for a while, and calls go on.
const FROZEN_MS = 5000
const CALL_EVERY_MS = 500
const CALLS = 14

export class Outage {
  #pid
  #thawing

  /** `pid` is that of a mongod which nobody else needs. */
  constructor(pid) {
    this.#pid = Number(pid) || undefined
  }

  get isPossible() {
    return this.reason === undefined
  }

  /** Why it cannot be done, if it cannot. */
  get reason() {
    if (this.#pid === undefined) {
      return 'This demo runs on a MongoDB that it has not started, so it does not stop it.'
    }
    if (process.platform === 'win32') return 'Windows has no signal that stops a process.'
    return undefined
  }

  /** Stops mongod, calls the store all the while, and tells `onEvent(name, data)` what becomes of it. */
  begin(store, onEvent) {
    if (this.#thawing) return
    process.kill(this.#pid, 'SIGSTOP')
    this.#thawing = setTimeout(() => {
      this.end()
      onEvent('thawed', {})
    }, FROZEN_MS)
    onEvent('frozen', { forMs: FROZEN_MS, untilMs: CALLS * CALL_EVERY_MS })

    const start = Date.now()
    for (let number = 0; number < CALLS; number += 1) {
      setTimeout(async () => {
        const call = { number, atMs: Date.now() - start }
        onEvent('call', call)
        // Each has an id of its own: calls for the same one would be answered together.
        const outcome = await store.get(`nobody-${number}`).then(
          () => 'answered',
          (error) => error.code,
        )
        onEvent('call', { ...call, tookMs: Date.now() - start - call.atMs, outcome })
      }, number * CALL_EVERY_MS).unref()
    }
  }

  /** Lets mongod go on. */
  end() {
    if (!this.#thawing) return
    clearTimeout(this.#thawing)
    this.#thawing = undefined
    process.kill(this.#pid, 'SIGCONT')
  }
}
