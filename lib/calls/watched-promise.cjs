'use strict'
// A promise that knows whether anybody waits for it.

const { setImmediate } = require('../native/timers.cjs')

/**
 * A promise whose failure ends no process, also if nobody waits for it; `whenIgnored` is told of that. What
 * comes of it by `then` is a promise like any other.
 */
class WatchedPromise extends Promise {
  #isIgnored = true

  static get [Symbol.species]() {
    return Promise
  }

  constructor(executor) {
    super(executor)
    super.then(undefined, () => {})
  }

  /** Also what `await`, `catch`, `finally` and `Promise.all` call. */
  then(...reactions) {
    this.#isIgnored = false
    return super.then(...reactions)
  }

  /** Calls back if nobody has waited for it when the caller's own code is through. */
  whenIgnored(callback) {
    setImmediate(() => {
      if (this.#isIgnored) callback()
    })
  }
}

// An inspected promise says what it is to the caller.
Object.defineProperty(WatchedPromise, 'name', { value: 'Promise' })

module.exports = { WatchedPromise }
