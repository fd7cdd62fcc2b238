// The processes that put load on the server, as the coordinator sees them.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** A process with a store; `on[name]` is called with what it sends under that name. */
export class LoadProcess {
  #child
  #isKilled = false
  #probes = new Map()
  samples = []
  /** Up to when everything that this process did with shared sessions is known. */
  knownUntil = 0

  constructor({ name, options, env, on }) {
    this.name = name
    this.#child = fork(FILE, [JSON.stringify({ name, ...options })], {
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
      env: { ...process.env, ...env },
    })
    this.#child.on('message', (message) => {
      for (const [name, value] of Object.entries(message)) this[`_${name}`]?.(value)
      for (const [name, value] of Object.entries(message)) on[name]?.(value, this)
    })
    this.ended = once(this.#child, 'exit').then(([code, signal]) => {
      this.isOver = true
      for (const resolve of this.#probes.values()) resolve(undefined)
      if (this.#isKilled) return
      if (this.report === undefined || code !== 0) on.died(signal ?? `code ${code}`, this)
    })
  }

  /** Sends something, unless the process is over. */
  send(message) {
    // One that ends meanwhile is told of by its end, not by this.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** How many milliseconds it takes until the store works again; undefined if it ends before. */
  probe(id) {
    if (this.isOver) return undefined
    this.send({ probe: id })
    return new Promise((resolve) => this.#probes.set(id, resolve))
  }

  /** Ends the process, whatever it does. */
  kill() {
    this.#isKilled = true
    this.#child.kill('SIGKILL')
  }

  _sample(sample) {
    this.samples.push(sample)
  }

  _recovered({ probe, ms }) {
    this.#probes.get(probe)?.(ms)
    this.#probes.delete(probe)
  }

  _shared({ until }) {
    this.knownUntil = until
  }

  _end(report) {
    this.report = report
    this.#child.disconnect()
  }
}
