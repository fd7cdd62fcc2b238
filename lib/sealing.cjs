'use strict'

/**
 * Saves that the application still encrypts. What is called later for the same session waits, so that
 * everything takes effect in the order of the calls.
 */
class Sealing {
  /** By session id, the promise of the end of what has begun last. */
  #tails = new Map()

  /** What a call has to wait for; with null as the session id, everything. Undefined if nothing. */
  before(sid) {
    if (sid !== null) return this.#tails.get(sid)
    return this.#tails.size === 0 ? undefined : Promise.all(this.#tails.values())
  }

  /** Sends what `sealed` promises, in the order of the calls. */
  seal(sid, sealed, send, call) {
    // A rejection is handled when its turn has come.
    sealed.catch(() => {})
    const before = this.#tails.get(sid)
    this.after(
      Promise.resolve(before).then(() => sealed),
      sid,
      send,
      call,
    )
  }

  /** Lets `send` go after `before`, and whatever comes later for this session after that. */
  after(before, sid, send, call) {
    const done = before.then(send).catch((error) => call.fail(error))
    if (sid === null) return
    const tail = done.then(() => {
      if (this.#tails.get(sid) === tail) this.#tails.delete(sid)
    })
    this.#tails.set(sid, tail)
  }
}

module.exports = { Sealing }
