'use strict'
// What a store has done: the half of its figures that is known on this side of the addon.

const { MongoSessionStoreError, isMistake } = require('../error.cjs')
const { monotonicMs } = require('../native/timers.cjs')

/** What can be called. */
const VERBS = [
  'get',
  'set',
  'touch',
  'destroy',
  'all',
  'length',
  'clear',
  'flagDeletion',
  'cleanup',
  'ids',
  'entries',
  'scan',
  'find',
  'count',
  'users',
  'sessionsOf',
  'destroyByUser',
  'destroyMany',
  'update',
  'renew',
  'take',
  'devices',
  'revoke',
  'revokeOthers',
  'ping',
  'close',
]

class Figures {
  /** By verb, how many calls have ended, and how. */
  #calls = Object.fromEntries(VERBS.map((verb) => [verb, { succeeded: 0, failed: 0 }]))
  #failures = {}
  #inFlight = 0
  #hits = 0
  #misses = 0
  #outages = 0
  /** How long the outages took that are over, and when the present one began. */
  #outageMs = 0
  #outageSince
  #discards = 0
  #touchesSkipped = 0

  /** Takes note of a call. */
  begin() {
    this.#inFlight++
  }

  /** And of its end. */
  succeeded(verb, outcome) {
    this.#inFlight--
    this.#calls[verb].succeeded++
    if (outcome === 'hit') this.#hits++
    else if (outcome === 'miss') this.#misses++
    else if (outcome === 'discarded') this.#discards++
    else if (outcome === 'skipped') this.#touchesSkipped++
  }

  failed(verb, error) {
    this.#inFlight--
    this.#calls[verb].failed++
    const cause = causeOf(error)
    this.#failures[cause] = (this.#failures[cause] ?? 0) + 1
  }

  /** Takes note that no server can be reached. */
  lost() {
    if (this.#outageSince !== undefined) return
    this.#outages++
    this.#outageSince = monotonicMs()
  }

  /** Takes note that one can be, or that nobody asks any more; answers how long none could, if that was so. */
  reached() {
    if (this.#outageSince === undefined) return undefined
    const outageMs = monotonicMs() - this.#outageSince
    this.#outageMs += outageMs
    this.#outageSince = undefined
    return outageMs
  }

  #outageDuration() {
    const since = this.#outageSince
    return since === undefined ? this.#outageMs : this.#outageMs + monotonicMs() - since
  }

  /** All of them in a plain object, of which nothing changes later; `native` is the addon's half. */
  read({ commands, retries, hedgedReads, queued, connections, roundTrip, latency }) {
    return {
      calls: Object.fromEntries(VERBS.map((verb) => [verb, { ...this.#calls[verb] }])),
      failures: { ...this.#failures },
      hits: this.#hits,
      misses: this.#misses,
      discards: this.#discards,
      touchesSkipped: this.#touchesSkipped,
      inFlight: this.#inFlight,
      queued,
      commands: sorted(commands),
      retries,
      hedgedReads,
      connections,
      roundTrip: roundTrip ?? null,
      outages: {
        count: this.#outages,
        duration: this.#outageDuration(),
        isOut: this.#outageSince !== undefined,
      },
      latency: sorted(latency),
    }
  }
}

/** The addon has no order of keys. */
function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The code of an error of ours: those of the application could be any, and as many. */
function causeOf(error) {
  return error instanceof MongoSessionStoreError || isMistake(error) ? error.code : 'application'
}

module.exports = { Figures, VERBS }
