// What one process did with sessions that others use as well.
import { dataOf, now } from './session-client.mjs'

/** Collects calls as they end, for a shared model. */
export class EventLog {
  #events = []
  /** When the calls began whose end is not known yet. */
  #pending = new Set()

  /** What has ended since the last time, and the moment before which nothing is missing. */
  report() {
    const events = this.#events
    this.#events = []
    return { events, until: Math.min(now(), ...this.#pending) }
  }

  /**
   * Takes a call of which `event` says what it is, and answers how it ended. `event` may be a function of
   * the outcome, which answers undefined for what is not to be judged.
   */
  async take(event, calling) {
    const begin = now()
    this.#pending.add(begin)
    const { call, end, value, error } = await calling
    const told = typeof event === 'function' ? event({ value, error }) : event
    this.#pending.delete(begin)
    if (told !== undefined) this.#add(told, { call, end, value, error })
    return { value, error }
  }

  #add({ set, data, ...event }, { call, end, value, error }) {
    const isRead = event.verb === 'get' || event.verb === 'list'
    const acknowledged = error === undefined
    if (isRead && !acknowledged) return
    const told = { ...event, call, end, acknowledged, set: set ?? data }
    if (event.verb === 'get') told.found = value && dataOf(value)
    if (event.verb === 'list') told.sids = value.map(({ sid }) => sid)
    this.#events.push(told)
  }
}
