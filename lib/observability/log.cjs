'use strict'
// What an operator sees with NODE_DEBUG=mongodb-session-store: a line for what happens to a store.

const { debuglog } = require('node:util')
const { outsideOfRequests } = require('../native/context.cjs')
const { clearTimeout, setTimeout } = require('../native/timers.cjs')

const log = debuglog('mongodb-session-store')

/** Between two lines about batches, in milliseconds. */
const INTERVAL_MS = 10_000

class Log {
  #stats
  #native
  #timer
  /** What the commands were at the last line about batches. */
  #commands = {}

  /** `stats` answers the figures of the store, `native` is the addon's half of it. */
  constructor(stats, native) {
    this.#stats = stats
    this.#native = native
    if (log.enabled) outsideOfRequests(() => this.#reportLater())
  }

  connected() {
    this.#write('connected')
  }

  lost(error) {
    this.#write('lost: %s', detailOf(error))
  }

  index(name) {
    this.#write('index %s is there', name)
  }

  failover({ serverAddress, serverPort }) {
    this.#write('failover: the primary is %s:%s', serverAddress, serverPort)
  }

  warned(error) {
    this.#write('warning: %s', detailOf(error))
  }

  closed() {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#write('closed')
  }

  #write(format, ...args) {
    if (!log.enabled) return
    const { collection, database } = this.#native
    log(`%s ${format}`, database ? `${database}.${collection}` : collection, ...args)
  }

  #reportLater() {
    this.#timer = setTimeout(() => {
      this.#report()
      this.#reportLater()
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  /** How many calls shared a command since the last line; nothing if there was none. */
  #report() {
    const { commands } = this.#stats()
    const batches = []
    for (const [name, { sent, calls }] of Object.entries(commands)) {
      const before = this.#commands[name] ?? { sent: 0, calls: 0 }
      const [carried, left] = [calls - before.calls, sent - before.sent]
      const each = (carried / left).toFixed(1)
      if (carried > 0) batches.push(`${name} ${left} with ${each} calls each`)
    }
    this.#commands = commands
    if (batches.length > 0) this.#write('commands: %s', batches.join(', '))
  }
}

function detailOf({ code, message, cause }) {
  return cause instanceof Error ? `${code} ${message}: ${cause.message}` : `${code} ${message}`
}

module.exports = { Log }
