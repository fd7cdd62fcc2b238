// Requests of one process for sessions that others use at the same time.
import { setTimeout as sleep } from 'node:timers/promises'
import { Held, dataOf, now } from './session-client.mjs'

const VERBS = { view: 50, touch: 10, look: 30, stale: 5, destroy: 3 }
const KEYS = ['a', 'b', 'c', '$d']

/** The shared sessions as one process knows them. */
export class SharedLanes {
  #client
  #random
  #announce
  #events = []
  /** When the calls began whose end is not known yet. */
  #pending = new Set()
  /** The present sid of each slot; one process at a time may end it and begin the next. */
  #slots = new Map()
  #stale = []

  /** `owns` are the slots in which this process begins sessions, which `announce` tells others. */
  constructor({ client, random, announce }) {
    this.#client = client
    this.#random = random
    this.#announce = announce
  }

  /** Another process has begun a session. */
  announced({ slot, sid }) {
    this.#slots.set(slot, { sid, isOwn: false })
  }

  /** Begins a session in each of `slots`, and works on all there are until `signal` is aborted. */
  async run(slots, lanes, signal) {
    await Promise.all(slots.map((slot) => this.#begin(slot, 1)))
    await Promise.all(Array.from({ length: lanes }, () => this.#work(signal)))
  }

  /** Reads every session once more. */
  async end() {
    for (const { sid } of this.#slots.values()) {
      while ((await this.#call('get', sid, {})).error) await sleep(100)
    }
    return [...this.#slots.values()].map(({ sid }) => sid)
  }

  /** What has ended since the last time, and the moment before which nothing is missing. */
  report() {
    const events = this.#events
    this.#events = []
    return { events, until: Math.min(now(), ...this.#pending) }
  }

  async #work(signal) {
    while (!signal.aborted) {
      const slot = this.#random.pick([...this.#slots.keys()])
      const failed = await this[`_${this.#random.weighted(VERBS)}`](slot)
      await sleep(failed ? this.#random.between(20, 200) : this.#random.between(0, 8))
    }
  }

  async _look(slot) {
    const { error } = await this.#call('get', this.#slots.get(slot).sid, {})
    return error !== undefined
  }

  async _view(slot) {
    const held = await this.#load(slot)
    if (held === undefined) return true
    // Some wait for so long that the session may be over when they save.
    if (this.#random.chance(0.1)) this.#stale.push(held)
    if (this.#stale.length > 20) this.#stale.shift()
    return this.#save(held)
  }

  async _touch(slot) {
    const held = await this.#load(slot)
    if (held === undefined) return true
    const { outcome } = held.touch()
    return (await outcome).error !== undefined
  }

  /** A request that loaded its session long ago saves it. */
  async _stale() {
    return this.#stale.length > 0 && this.#save(this.#random.pick(this.#stale))
  }

  async _destroy(slot) {
    const { sid, isOwn, generation } = this.#slots.get(slot)
    if (!isOwn) return false
    this.#slots.get(slot).isOwn = false
    while ((await this.#call('destroy', sid, {})).error) await sleep(50)
    await this.#begin(slot, generation + 1)
    return false
  }

  async #begin(slot, generation) {
    const sid = `shared-${slot}-${generation}`
    const held = Held.generate(this.#client, sid)
    for (const key of KEYS) held.session[key] = this.#client.value()
    while (await this.#save(held)) await sleep(50)
    this.#slots.set(slot, { sid, isOwn: true, generation })
    this.#announce({ slot, sid })
  }

  async #load(slot) {
    const { sid } = this.#slots.get(slot)
    const { value } = await this.#call('get', sid, {})
    return value ? Held.load(this.#client, sid, value) : undefined
  }

  async #save(held) {
    held.session[this.#random.pick(KEYS)] = this.#client.value()
    const { write, outcome } = held.save()
    const { error } = await this.#tell({ ...write, sid: held.session.id }, outcome)
    return error !== undefined
  }

  #call(verb, sid, event) {
    return this.#tell({ ...event, verb, sid }, this.#client.call(verb, [sid]))
  }

  async #tell({ verb, sid, set, data }, calling) {
    const begin = now()
    this.#pending.add(begin)
    const { call, end, value, error } = await calling
    this.#pending.delete(begin)
    const event = { verb, sid, call, end, acknowledged: error === undefined, set: set ?? data }
    if (verb !== 'get') this.#events.push(event)
    else if (event.acknowledged) this.#events.push({ ...event, found: value && dataOf(value) })
    return { value, error }
  }
}
