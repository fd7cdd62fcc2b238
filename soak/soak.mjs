// The soak: load by two processes on one collection, faults at random, and a model of both. It takes
// place in several settings, one after another.
import { setTimeout as sleep } from 'node:timers/promises'
import { startMongod } from '../scripts/mongod.mjs'
import { DATABASE } from '../scripts/mongodb-uri.mjs'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import { FAULTS } from './faults.mjs'
import { LoadProcess } from './processes.mjs'
import { Random } from './random.mjs'
import { Report } from './report.mjs'
import { SETTINGS } from './settings.mjs'
import { SharedModel } from './shared-model.mjs'
import { Witness } from './witness.mjs'

const OPERATION_TIMEOUT_MS = 3000
const NAMES = ['p', 'q']

/** How long after the end of a fault the store has to work again, without the time in which its process stood still. */
const RECOVERY_MS = 30_000

/** How long that is waited for. */
const PATIENCE_MS = 4 * RECOVERY_MS

/** How long after that calls count as undisturbed: pools refill, the queue empties. */
const SETTLE_MS = 1000

/** How long the processes have for a last look at each of their sessions. */
const END_MS = 120_000

/** How many connections a store may have to a server: when commands are late it opens more, and keeps them. */
const MAX_POOL_SIZE = 20

/**
 * Runs for so many minutes and answers a {@link Report}.
 *
 * - `seed`: decides the load and the faults
 * - `entry`: the module with the store, `index.mjs` of this package or a copy
 * - `env`: further environment variables of the processes with a store
 * - `signal`: ends the run early
 * - `settings`: the names of those that are wanted; all of them unless given
 * - `faults`: how often each is chosen, instead of what the settings say
 * - `report`: what is told instead of a new {@link Report}
 */
export async function soak({ settings, faults, report, ...options }) {
  const { minutes, seed, signal } = options
  report ??= new Report({ minutes, seed })
  const wanted = SETTINGS.filter(({ name }) => settings?.includes(name) ?? true)
  if (wanted.length === 0) throw new Error(`There is no setting ${settings}`)
  const shares = wanted.reduce((sum, { share }) => sum + share, 0)
  for (const setting of wanted) {
    if (signal.aborted) break
    report.setting(setting.name, MAX_POOL_SIZE * (setting.pools ?? 1))
    await soakIn(faults ? { ...setting, faults } : setting, {
      ...options,
      minutes: (minutes * setting.share) / shares,
      report,
    })
  }
  return report
}

async function soakIn(setting, { minutes, seed, entry, env, signal, report }) {
  const mongod = await startMongod(setting.server)
  const proxies = []
  const witness = new Witness(mongod.uri, { setting, report })
  const run = new Run({ setting, report, mongod, proxies, witness, random: new Random(seed) })
  try {
    await witness.prepare()
    if (setting.proxied) {
      while (proxies.length < NAMES.length) proxies.push(await startProxy(mongod.port))
    }
    run.start({ seed, entry, env })
    await run.disturb({ minutes, signal })
    if (!signal.aborted) await run.end()
  } finally {
    run.kill()
    await witness.close()
    for (const proxy of proxies) await proxy.close()
    await mongod.stop()
  }
}

/** The connection string of the store that has this proxy, or has none in its way. */
function uriOf(mongod, proxy, query = '') {
  const base = proxy ? `mongodb://127.0.0.1:${proxy.port}/${DATABASE}` : mongod.uri
  const options = [`maxPoolSize=${MAX_POOL_SIZE}`, query].filter(Boolean)
  return `${base}${base.includes('?') ? '&' : '?'}${options.join('&')}`
}

class Run {
  #shared
  #retired = new Map()
  #processes = []

  constructor(parts) {
    Object.assign(this, parts)
    this.#shared = new SharedModel(parts.setting.options)
  }

  start({ seed, entry, env }) {
    const { setting, report, mongod, proxies } = this
    const on = {
      violation: ({ kind, what }) => report.violation(kind, what),
      announced: (announced, from) => {
        for (const other of this.#processes) if (other !== from) other.send({ announced })
      },
      retired: (sessions) => {
        for (const { sid, allowance } of sessions) this.#retired.set(sid, allowance)
      },
      shared: ({ events }) => this.#judge(events),
      died: (how, { name }) => report.violation('died', `process ${name} ended with ${how}`),
    }
    this.#processes = NAMES.map((name, index) => {
      const options = {
        uri: uriOf(mongod, proxies[index], setting.query),
        previousUri: uriOf(mongod),
        entry,
        seed: seed * 2 + index,
        setting: { ...setting, options: { ...setting.options, ...setting.each?.[index] } },
        slots: [index, index + 2, index + 4],
        aheadMs: setting.clocks?.[index] ?? 0,
        operationTimeout: OPERATION_TIMEOUT_MS,
      }
      return new LoadProcess({ name, options, env, on })
    })
  }

  /** Takes turns of calm and faults. */
  async disturb({ minutes, signal }) {
    await this.#recovered()
    this.report.say('both stores work')
    const until = Date.now() + minutes * 60_000
    const calmMs = Math.min(5000, minutes * 2000)
    for (let round = 1; Date.now() < until && !this.#isOver(signal); round++) {
      await this.#calm(this.random.between(0.5, 1.5) * calmMs, signal)
      if (Date.now() >= until || this.#isOver(signal)) break
      const name = this.random.weighted(this.setting.faults)
      const what = await FAULTS[name]({ ...this, signal })
      const ms = await this.#recovered()
      this.report.fault({ name, what, ms })
      if (ms === undefined && !signal.aborted) {
        this.report.violation('slow', `no recovery within ${RECOVERY_MS} ms after ${name}`)
      }
    }
  }

  /** Lets the processes stop, and compares what they have last seen with the database. */
  async end() {
    await this.witness.seeRemoval()
    for (const process of this.#processes) process.send({ stop: true })
    const ended = Promise.all(this.#processes.map((process) => process.ended))
    const isDone = await Promise.race([
      ended.then(() => true),
      sleep(END_MS, false, { ref: false }),
    ])
    if (!isDone) this.report.violation('slow', `the processes did not end within ${END_MS} ms`)
    const reports = this.#processes.flatMap(({ report }) => report ?? [])
    if (reports.length === this.#processes.length) {
      this.#judge([], Infinity)
      await this.witness.compare(reports, this.#retired)
    }
    this.report.sessions += this.#retired.size
    this.report.processes(this.#processes)
  }

  kill() {
    for (const process of this.#processes) process.kill()
  }

  /** Measures for a while in which nothing is done to the server. */
  async #calm(ms, signal) {
    this.#send({ calm: true })
    const end = Date.now() + ms
    while (Date.now() < end && !this.#isOver(signal)) {
      await sleep(Math.min(1000, end - Date.now()))
      this.#send({ sample: true })
      await this.witness.look()
    }
    this.#send({ calm: false })
  }

  /** How many milliseconds both stores took to work again; undefined if they did not in time. */
  async #recovered() {
    const id = Math.random()
    const probes = Promise.all(this.#processes.map((process) => process.probe(id)))
    const times = await Promise.race([probes, sleep(PATIENCE_MS, [undefined], { ref: false })])
    await sleep(SETTLE_MS)
    return times.every((ms) => ms <= RECOVERY_MS) ? Math.max(...times) : undefined
  }

  #send(message) {
    for (const process of this.#processes) process.send(message)
  }

  #isOver(signal) {
    return signal.aborted || this.#processes.some(({ isOver }) => isOver)
  }

  #judge(events, moment = Math.min(...this.#processes.map(({ knownUntil }) => knownUntil))) {
    for (const event of events) this.#shared.add(event)
    for (const { kind, what, sid, read } of this.#shared.judge(moment)) {
      this.report.violation(kind, `${sid}: ${what} (${JSON.stringify(read)})`)
    }
  }
}
