'use strict'
// Who watches a store: figures always, tracing and the log only while somebody wants them.

const { CALLS, COMMANDS, isHeard, publish } = require('./channels.cjs')
const { Figures } = require('./figures.cjs')
const { Log } = require('./log.cjs')
const { Reports } = require('./reports.cjs')
const { Trace, presentable } = require('./trace.cjs')

class Observer {
  figures = new Figures()
  #native
  #reports
  #log
  /** Whether the addon tells about single commands. */
  #tellsCommands = false

  /** `native` is the addon's half of the store. */
  constructor(native) {
    this.#native = native
    this.#reports = new Reports(native)
    this.#log = new Log(() => this.stats(), native)
  }

  stats() {
    return this.figures.read(this.#native.stats())
  }

  /** Takes note of a call, which then tells how it ends. */
  begin(call, verb) {
    this.figures.begin()
    call.verb = verb
    call.observer = this
    const hearsCommands = isHeard(COMMANDS)
    if (hearsCommands !== this.#tellsCommands) this.#tellCommands(hearsCommands)
    if (hearsCommands || isHeard(CALLS[verb])) call.trace = this.#trace(verb)
  }

  /** Takes note of the end of a call; `call.outcome` says how it ended, if that is not plain. */
  succeeded(call, value) {
    call.observer = undefined
    const { verb, trace } = call
    const outcome = call.outcome ?? outcomeOf(verb, value)
    this.figures.succeeded(verb, outcome)
    if (trace !== undefined) trace.end({ outcome })
  }

  failed(call, error) {
    call.observer = undefined
    this.figures.failed(call.verb, error)
    call.trace?.end({ outcome: 'failed', error: presentable(error) })
  }

  /** Takes a report of the addon. `traceOf` answers that of the call with a ticket, if there is one. */
  report(name, facts, traceOf) {
    if (name === 'index') this.#log.index(facts.index)
    else this.#reports.take(name, facts, traceOf)
    if (name === 'primary') this.#log.failover(facts)
  }

  reached() {
    this.#log.connected()
    const duration = this.figures.reached()
    if (duration !== undefined) publish('outage-ended', () => ({ ...this.#place(), duration }))
  }

  lost(error) {
    this.#log.lost(error)
    this.figures.lost()
    publish('outage-began', () => ({ ...this.#place(), error: presentable(error) }))
  }

  warned(error) {
    this.#log.warned(error)
  }

  closed() {
    this.figures.reached()
    this.#log.closed()
  }

  #tellCommands(tells) {
    this.#tellsCommands = tells
    this.#native.report(tells)
  }

  #trace(verb) {
    return new Trace(CALLS[verb], { operation: verb, ...this.#place() })
  }

  #place() {
    const { collection, database } = this.#native
    return database === null ? { collection } : { collection, database }
  }
}

function outcomeOf(verb, value) {
  if (verb !== 'get') return 'succeeded'
  return value === null ? 'miss' : 'hit'
}

module.exports = { Observer }
