// Requests of one process for sessions that others use at the same time.
import { setTimeout as sleep } from 'node:timers/promises'
import { Held } from './session-client.mjs'

const VERBS = { view: 50, touch: 10, look: 30, stale: 5, destroy: 3 }
/** What moves does so once: so that more of that happens. */
const VERBS_OF_MOVES = { ...VERBS, destroy: 15 }
const KEYS = ['a', 'b', 'c', '$d']

/** Within so many milliseconds something happens to a session that has just been begun in a previous store. */
const MOVING_MS = 60

/** The shared sessions as one process knows them. */
export class SharedLanes {
  #client
  #random
  #announce
  #log
  #previous
  /** The present sid of each slot; one process at a time may end it and begin the next. */
  #slots = new Map()
  #stale = []
  /** Looks at sessions that others have begun. */
  #looks = new Set()

  /**
   * `announce` tells other processes of a session that was begun in a slot, `log` takes what was done. With a
   * `previous` store most sessions begin there.
   */
  constructor({ client, random, announce, log, previous }) {
    this.#client = client
    this.#random = random
    this.#announce = announce
    this.#log = log
    this.#previous = previous
  }

  /** Another process has begun a session. One that is to move is looked at while that may end it. */
  announced({ slot, sid, isPrevious }) {
    this.#slots.set(slot, { sid, isOwn: false })
    if (!isPrevious) return
    const look = sleep(this.#random.between(0, MOVING_MS)).then(() => this.#call('get', sid, {}))
    this.#looks.add(look)
    look.then(() => this.#looks.delete(look))
  }

  /** Begins a session in each of `slots`, and works on all there are until `signal` is aborted. */
  async run(slots, lanes, signal) {
    await Promise.all(slots.map((slot) => this.#begin(slot, 1)))
    await Promise.all(Array.from({ length: lanes }, () => this.#work(signal)))
  }

  /** Reads every session once more. */
  async end() {
    await Promise.all(this.#looks)
    for (const { sid } of this.#slots.values()) {
      while ((await this.#call('get', sid, {})).error) await sleep(100)
    }
    const own = [...this.#slots.values()].filter(({ isOwn }) => isOwn)
    return own.map(({ sid }) => sid)
  }

  async #work(signal) {
    const verbs = this.#previous === undefined ? VERBS : VERBS_OF_MOVES
    while (!signal.aborted) {
      const slot = this.#random.pick([...this.#slots.keys()])
      const failed = await this[`_${this.#random.weighted(verbs)}`](slot)
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
    await this.#endByUser(sid)
    while ((await this.#call('destroy', sid, {})).error) await sleep(50)
    const isPrevious = await this.#begin(slot, generation + 1)
    if (!isPrevious || this.#random.chance(0.2)) return false
    await sleep(this.#random.between(0, MOVING_MS))
    return this._destroy(slot)
  }

  /**
   * Some that may move are ended by their user first, which ends none that has not moved; others look for it while
   * the previous store may have it still.
   */
  async #endByUser(sid) {
    if (this.#previous === undefined || this.#random.chance(0.5)) return
    const event = ({ value }) => (value === 0 ? undefined : { verb: 'destroy', sid })
    await this.#log.take(event, this.#client.call('destroyByUser', [sid]))
    await sleep(this.#random.between(0, 5 * MOVING_MS))
  }

  async #begin(slot, generation) {
    const sid = `shared-${slot}-${generation}`
    const held = Held.generate(this.#client, sid)
    for (const key of KEYS) held.session[key] = this.#client.value()
    held.session.owner = sid
    const isPrevious = this.#previous !== undefined && this.#random.chance(0.8)
    const save = isPrevious ? () => this.#savePrevious(held) : () => this.#save(held)
    while (await save()) await sleep(50)
    this.#slots.set(slot, { sid, isOwn: true, generation })
    this.#announce({ slot, sid, isPrevious })
    return isPrevious
  }

  async #load(slot) {
    const { sid } = this.#slots.get(slot)
    const { value } = await this.#call('get', sid, {})
    return value ? Held.load(this.#client, sid, value) : undefined
  }

  async #save(held) {
    held.session[this.#random.pick(KEYS)] = this.#client.value()
    const { write, outcome } = held.save()
    const { error } = await this.#log.take({ ...write, sid: held.session.id }, outcome)
    return error !== undefined
  }

  /** Stores a session in the previous store, as an application did that had that one alone. */
  async #savePrevious({ session }) {
    const { id: sid, cookie, ...data } = session
    cookie._expires = new Date(this.#client.expires())
    const set = () => this.#previous.set(sid, { cookie, ...data })
    const outcome = this.#client.call('set', [sid], set)
    const { error } = await this.#log.take({ verb: 'create', sid, set: data }, outcome)
    return error !== undefined
  }

  #call(verb, sid, event) {
    return this.#log.take({ ...event, verb, sid }, this.#client.call(verb, [sid]))
  }
}
