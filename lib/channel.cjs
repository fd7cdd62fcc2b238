'use strict'
// The way to the addon and back.

const { invalid, MongoSessionStoreError } = require('./error.cjs')
const { NativeStore, EVENT } = require('./native.cjs')
const { Sealing } = require('./sealing.cjs')
const { unstorable } = require('./bson.cjs')

/** How many slots an answer takes in a drained array: ticket, kind, up to five values. */
const STRIDE = 7

/** Those with pending calls, which must not be collected before their callers are told. */
const busy = new Set()

/** Calls leave with a ticket; one wake-up of the event loop hands out whatever was answered since. */
class Channel {
  #native
  #receive
  /** Calls that wait for their answer, by ticket. */
  #calls = new Map()
  #lastTicket = 0
  /** What the application still encrypts, or another store destroys, if there is such a thing. */
  #sealing
  /** Whether `#flush` is going to run. */
  #flushes = false
  /** Sends the calls of this turn of the event loop together: one wake-up for all of them. */
  #flush = () => {
    this.#flushes = false
    this.#native.flush()
  }

  /**
   * Opens the addon's half of a store with these options. `receive` gets each answer and each event:
   * the call (undefined for an event), the kind, and the array of its values with their position.
   */
  constructor(options, keys, receive, { waits = false } = {}) {
    // The addon would keep the store alive for ever if its function held it.
    const self = new WeakRef(this)
    try {
      this.#native = new NativeStore(JSON.stringify(options), () => self.deref()?.#drain(), keys)
    } catch (error) {
      throw fromConstructor(error)
    }
    this.#receive = receive
    if (waits) this.#sealing = new Sealing()
  }

  /** The addon's half. */
  get native() {
    return this.#native
  }

  /** The time within which what is waited for has to answer, in milliseconds. */
  get timeoutMs() {
    return Math.round(this.#native.operationTimeout)
  }

  /**
   * Leaves a call with the addon, for which `send` gets the addon's half and a ticket: behind what was
   * called before it for the same session, or of a call about all sessions (`id` is null) behind
   * everything, that the application still encrypts.
   */
  submit(call, id, send) {
    const before = this.#sealing?.before(id)
    if (before === undefined) send(this.#native, this.#wait(call))
    else this.#sealing.after(before, id, () => send(this.#native, this.#wait(call)), call)
  }

  /** The same for a call that may change any session: what is called later leaves behind it. */
  submitForAll(call, send) {
    const before = this.#sealing?.before(null)
    if (before === undefined) send(this.#native, this.#wait(call))
    else this.#sealing.afterAll(before, () => send(this.#native, this.#wait(call)), call)
  }

  /** The same for a call of which a part is only promised: `send` gets it as well. */
  submitSealed(call, id, sealed, send) {
    this.#sealing.seal(id, sealed, (part) => send(this.#native, this.#wait(call), part), call)
  }

  /** Whether something else than a get waits for its answer about the session that is stored so. */
  changes(id) {
    if (this.#sealing?.before(id) !== undefined) return true
    for (const call of this.#calls.values()) if (call.id === id && call.event !== 'get') return true
    return false
  }

  #wait(call) {
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0 || 1)
    if (this.#calls.size === 0) busy.add(this)
    this.#calls.set(ticket, call)
    // The addon sends a lone call at once.
    if (this.#calls.size > 1 && !this.#flushes) {
      this.#flushes = true
      setImmediate(this.#flush)
    }
    return ticket
  }

  #drain() {
    const drained = this.#native.drain()
    for (let at = 0; at < drained.length; at += STRIDE) {
      const kind = drained[at + 1]
      if (kind === EVENT) {
        process.nextTick(this.#receive, undefined, kind, drained, at + 2)
        continue
      }
      const ticket = drained[at]
      const call = this.#calls.get(ticket)
      this.#calls.delete(ticket)
      try {
        this.#receive(call, kind, drained, at + 2)
      } catch (error) {
        // Others may quote the session. The answers behind this one are not to be lost.
        const isOurs = error instanceof MongoSessionStoreError
        call.fail(isOurs ? error : unstorable('a stored session holds a value that cannot be read'))
      }
    }
    if (this.#calls.size === 0) busy.delete(this)
  }
}

/** The addon throws the code and the message on two lines. */
function fromConstructor(error) {
  const [code, message] = error.message.split('\n', 2)
  return code === 'ERR_STORE_OPTION' ? invalid(message) : error
}

module.exports = { Channel }
