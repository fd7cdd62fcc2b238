'use strict'
// What the addon tells about single commands and connections, as messages of the channels.

const { COMMANDS, publish } = require('./channels.cjs')
const { MongoSessionStoreError } = require('../error.cjs')
const { epochMs } = require('../native/timers.cjs')
const { Trace } = require('./trace.cjs')

class Reports {
  #native
  /** What the connection string names, once it is known. */
  #endpoints
  /** The traces of commands that are under way, by number. */
  #commands = new Map()

  constructor(native) {
    this.#native = native
  }

  /** Takes a report; src/binding/report.rs has their names. */
  take(name, facts, traceOf) {
    switch (name) {
      case 'sent':
        return this.#sent(facts, traceOf)
      case 'done':
        return this.#done(facts)
      case 'primary':
        return publish('failover', () => facts)
      default:
        return publish(`connection-${name}`, () => facts)
    }
  }

  /** A command begins in the context of the first of the calls that it carries. */
  #sent({ command, operation, serverAddress, serverPort, ...facts }, traceOf) {
    const traces = facts.calls.map(traceOf).filter((trace) => trace !== undefined)
    const { collection, database } = this.#native
    this.#endpoints ??= this.#native.endpoints
    const message = {
      operation,
      collection,
      database,
      endpoints: this.#endpoints,
      serverAddress,
      serverPort,
      batchSize: facts.sessions,
      callCount: facts.calls.length,
      calls: traces.map((trace) => trace.message),
      waitTime: facts.waited,
      connectionWaitTime: facts.waitedForConnection,
      startTime: epochMs() - facts.age,
    }
    const begin = () => this.#commands.set(command, new Trace(COMMANDS, message))
    if (traces.length > 0) traces[0].run(begin)
    else begin()
  }

  #done({ command, duration, isAbandoned, code, ...details }) {
    const trace = this.#commands.get(command)
    if (trace === undefined) return
    this.#commands.delete(command)
    if (isAbandoned) return trace.end({ duration, outcome: 'abandoned' })
    if (code === undefined) return trace.end({ duration, outcome: 'succeeded' })
    const error = new MongoSessionStoreError(code, `a ${trace.message.operation} failed`, details)
    trace.end({ duration, outcome: 'failed', error })
  }
}

module.exports = { Reports }
