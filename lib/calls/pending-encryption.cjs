'use strict'
// The order of calls that cannot leave yet: a part of them is still encrypted, or destroyed in another store,
// or they wait for the save before them.

/**
 * Saves that the application still encrypts or that wait for the one before, and sessions that another store still destroys. What is
 * called later for the same session waits, so that everything takes effect in the order of the calls.
 */
class PendingEncryption {
  /** By session id, the promise of the end of what has begun last, of those behind the barrier. */
  #tails = new Map()
  /** The promise that the last call that may change any session has left, while it waits. */
  #barrier

  /** What a call has to wait for; with null as the session id, everything. Undefined if nothing. */
  before(sid) {
    if (sid !== null) return this.#tails.get(sid) ?? this.#barrier
    if (this.#tails.size === 0) return this.#barrier
    return Promise.all([this.#barrier, ...this.#tails.values()])
  }

  /** Sends what `promised` promises, in the order of the calls. */
  add(sid, promised, send, call) {
    const isCalled = typeof promised === 'function'
    // A rejection is handled when its turn has come.
    if (!isCalled) promised.catch(() => {})
    const before = Promise.resolve(this.before(sid))
    this.after(
      before.then(() => (isCalled ? promised() : promised)),
      sid,
      send,
      call,
    )
  }

  /** Lets `send` go after `before`, and whatever comes later for this session after that. */
  after(before, sid, send, call) {
    const done = sent(before, send, call)
    if (sid === null) return
    const tail = done.then(() => {
      if (this.#tails.get(sid) === tail) this.#tails.delete(sid)
    })
    this.#tails.set(sid, tail)
  }

  /** Lets `send` go after `before`, which is everything, and whatever comes later after that. */
  afterAll(before, send, call) {
    const done = sent(before, send, call)
    this.#tails.clear()
    const barrier = done.then(() => {
      if (this.#barrier === barrier) this.#barrier = undefined
    })
    this.#barrier = barrier
  }
}

function sent(before, send, call) {
  return before.then(send).catch((error) => call.fail(error))
}

module.exports = { PendingEncryption }
