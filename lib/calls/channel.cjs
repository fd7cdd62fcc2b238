'use strict'
// The way to the addon and back.

const { MongoSessionStoreError, invalid, unstorable } = require('../error.cjs')
const { NativeStore, EVENT, REPORT } = require('../native/addon.cjs')
const { endWithin } = require('./deadline.cjs')
const { PendingEncryption } = require('./pending-encryption.cjs')
const { outsideOfRequests } = require('../native/context.cjs')
const { nextTick, setImmediate } = require('../native/timers.cjs')

/** How many slots an answer takes in a drained array: ticket, kind, up to five values. */
const STRIDE = 7

/** Those with pending calls, which must not be collected before their callers are told. */
const busy = new Set()

/** Calls leave with a ticket; one wake-up of the event loop hands out whatever was answered since. */
class Channel {
  #native
  #receive
  #report
  /** Calls that wait for their answer, by ticket. */
  #calls = new Map()
  #lastTicket = 0
  /** What the application's `Date` says at the time of a call, for the addon to read. */
  #date = new Float64Array(1)
  /**
   * How many calls other than gets wait for their answer, by the id of their session; only with the
   * option `touchOnGet`, where every answered get asks.
   */
  #changing
  /** What the application still encrypts, another store destroys, or waits for the save before it. */
  #pending
  /** Whether an answer of the addon need not be the end of a call. */
  #waits
  /** Whether `#flush` is going to run. */
  #flushes = false
  /** Sends the calls of this turn of the event loop together: one wake-up for all of them. */
  #flush = () => {
    this.#flushes = false
    this.#native.flush()
  }

  /**
   * Opens the addon's half of a store with these options. `receive` gets each answer and each event:
   * the call (undefined for an event), the kind, and the array of its values with their position. `report` gets
   * what the addon tells for those who watch: a name, an object, and what answers the trace of a ticket's call.
   */
  constructor(options, keys, receive, { waits = false, report = () => {} } = {}) {
    try {
      const drain = Channel.#drainOf(new WeakRef(this))
      // What the store tells of itself is about no request.
      this.#native = outsideOfRequests(
        () => new NativeStore(JSON.stringify(options), drain, keys, this.#date),
      )
    } catch (error) {
      throw fromAddon(error)
    }
    this.#receive = receive
    this.#report = report
    if (this.#native.touchesOnGet) this.#changing = new Map()
    this.#waits = waits
  }

  /**
   * What the addon calls when there are answers. It would keep the store alive for ever if that held it, and the
   * keys in memory if it were made where they are at hand.
   */
  static #drainOf(self) {
    return () => self.deref()?.#drain()
  }

  /** The addon's half. */
  get native() {
    return this.#native
  }

  /** The time within which what is waited for has to answer, in milliseconds. */
  get timeoutMs() {
    return Math.round(this.#native.operationTimeout)
  }

  /** Lets go of what is left of a closed store: test runners list it among the open handles until it is collected. */
  release() {
    if (this.#calls.size === 0) this.#native.release()
  }

  /**
   * Leaves a call with the addon, for which `send` gets the addon's half and a ticket: behind what was
   * called before it for the same session, or of a call about all sessions (`id` is null) behind
   * everything, that the application still encrypts.
   */
  submit(call, id, send) {
    const before = this.#before(call, id)
    if (before === undefined) this.#leave(call, send)
    else this.#pending.after(before, id, () => this.#leave(call, send), call)
  }

  /** The same for a call that may change any session: what is called later leaves behind it. */
  submitForAll(call, send) {
    const before = this.#before(call, null)
    if (before === undefined) this.#leave(call, send)
    else this.#pending.afterAll(before, () => this.#leave(call, send), call)
  }

  /**
   * The same for a call of which a part is only promised, perhaps by a function that is called when its turn
   * has come: `send` gets it as well.
   */
  submitPending(call, id, promised, send) {
    endWithin(this.timeoutMs, call)
    call.waitsFor = 'earlier operations'
    this.#pending ??= new PendingEncryption()
    this.#pending.add(id, promised, (part) => this.#leave(call, send, part), call)
  }

  /** Whether a call for the session that is stored so has to wait for its turn. */
  isPending(id) {
    return this.#pending?.before(id) !== undefined
  }

  /** What a call has to wait for, if there is anything. */
  #before(call, id) {
    const before = this.#pending?.before(id)
    const isLimited = this.#waits || before !== undefined
    if (isLimited && call.isPatient !== true) endWithin(this.timeoutMs, call)
    if (before !== undefined) call.waitsFor = 'earlier operations'
    return before
  }

  /**
   * Whether something else than a get waits for its answer about the session that is stored so. Known
   * with the option `touchOnGet` alone.
   */
  changes(id) {
    return this.isPending(id) || this.#changing.has(id)
  }

  #traceOf = (ticket) => this.#calls.get(ticket)?.trace

  /** One that the addon does not take has failed, and nothing waits for its answer. */
  #leave(call, send, part) {
    // Nobody waits for it any more, and it has been told as one that was not sent.
    if (call.isOver) return
    if (call.waitsFor !== undefined) call.waitsFor = undefined
    const ticket = this.#wait(call)
    this.#date[0] = Date.now()
    try {
      send(this.#native, ticket, part)
    } catch (error) {
      this.#take(ticket)
      if (this.#calls.size === 0) busy.delete(this)
      call.fail(fromAddon(error))
    }
  }

  #wait(call) {
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0 || 1)
    if (this.#calls.size === 0) busy.add(this)
    this.#calls.set(ticket, call)
    if (this.#changing !== undefined) this.#count(call, 1)
    // The addon sends a lone call at once.
    if (this.#calls.size > 1 && !this.#flushes) {
      this.#flushes = true
      setImmediate(this.#flush)
    }
    return ticket
  }

  /** The call of a ticket, which waits no longer. */
  #take(ticket) {
    const call = this.#calls.get(ticket)
    this.#calls.delete(ticket)
    if (this.#changing !== undefined) this.#count(call, -1)
    return call
  }

  #count({ id, event }, by) {
    if (id === undefined || event === 'get' || event === 'read') return
    const count = (this.#changing.get(id) ?? 0) + by
    if (count === 0) this.#changing.delete(id)
    else this.#changing.set(id, count)
  }

  #drain() {
    const drained = this.#native.drain()
    for (let at = 0; at < drained.length; at += STRIDE) {
      const kind = drained[at + 1]
      if (kind === EVENT) {
        nextTick(this.#receive, undefined, kind, drained, at + 2)
        continue
      }
      if (kind === REPORT) {
        this.#report(drained[at + 2], drained[at + 3], this.#traceOf)
        continue
      }
      const call = this.#take(drained[at])
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
function fromAddon(error) {
  const [code, message] = error.message.split('\n', 2)
  if (code === 'ERR_STORE_OPTION') return invalid(message)
  return code === 'ERR_STORE_CLOSED' ? new MongoSessionStoreError(code, message) : error
}

module.exports = { Channel }
