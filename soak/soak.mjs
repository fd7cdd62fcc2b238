// The soak: load by two processes on one collection, faults at random, and a model of both.
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { DATABASE } from '../scripts/mongodb-uri.mjs'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import { FAULTS, WEIGHTS } from './faults.mjs'
import { LoadProcess } from './processes.mjs'
import { Random } from './random.mjs'
import { Report } from './report.mjs'
import { SharedModel } from './shared-model.mjs'
import { dataOf } from './session-client.mjs'
import { shown } from './model.mjs'

const OPERATION_TIMEOUT_MS = 3000
const VISITORS = 24
const SHARED_LANES = 6

/** How long after the end of a fault the store has to work again. */
const RECOVERY_MS = 30_000

/** How long after that calls count as undisturbed: pools refill, the queue empties. */
const SETTLE_MS = 1000

/** How long the processes have for a last look at each of their sessions. */
const END_MS = 60_000

/**
 * Runs for so many minutes and answers a {@link Report}.
 *
 * - `seed`: decides the load and the faults
 * - `entry`: the module with the store, `index.mjs` of this package or a copy
 * - `env`: further environment variables of the processes with a store
 * - `signal`: ends the run early
 */
export async function soak({ minutes, seed, entry, env, signal }) {
  const report = new Report({ minutes, seed })
  const mongod = await startMongod()
  const proxy = await startProxy(mongod.port)
  const uri = `mongodb://127.0.0.1:${proxy.port}/${DATABASE}?journal=true`
  const witness = new MongoClient(mongod.uri, { serverSelectionTimeoutMS: 30_000 })
  const run = new Run({ report, mongod, proxy, witness, random: new Random(seed) })
  try {
    run.start({ uri, seed, entry, env })
    await run.disturb({ minutes, signal })
    if (!signal.aborted) await run.end()
  } finally {
    run.kill()
    await witness.close()
    await proxy.close()
    await mongod.stop()
  }
  return report
}

class Run {
  #shared = new SharedModel()
  #retired = new Map()
  #processes = []

  constructor(parts) {
    Object.assign(this, parts)
  }

  start({ uri, seed, entry, env }) {
    const names = ['p', 'q']
    const on = {
      violation: ({ kind, what }) => this.report.violation(kind, what),
      announced: (announced, from) => {
        for (const other of this.#processes) if (other !== from) other.send({ announced })
      },
      retired: (sessions) => {
        for (const { sid, allowance } of sessions) this.#retired.set(sid, allowance)
      },
      shared: ({ events }) => this.#judge(events),
      died: (how, { name }) => this.report.violation('died', `process ${name} ended with ${how}`),
    }
    this.#processes = names.map((name, index) => {
      const slots = [index, index + 2, index + 4]
      const options = {
        uri,
        entry,
        seed: seed * 2 + index,
        visitors: VISITORS,
        slots,
        lanes: SHARED_LANES,
        operationTimeout: OPERATION_TIMEOUT_MS,
      }
      return new LoadProcess({ name, options, env, on })
    })
  }

  /** Takes turns of calm and faults. */
  async disturb({ minutes, signal }) {
    await this.#recovered()
    const until = Date.now() + minutes * 60_000
    const calmMs = Math.min(5000, minutes * 2000)
    for (let round = 1; Date.now() < until && !this.#isOver(signal); round++) {
      await this.#calm(this.random.between(0.5, 1.5) * calmMs, signal)
      if (Date.now() >= until || this.#isOver(signal)) break
      const name = this.random.weighted(WEIGHTS)
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
      await this.#compare(reports)
    }
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
      const { connections } = await this.witness.db('admin').command({ serverStatus: 1 })
      this.report.connections.push(connections.current)
    }
    this.#send({ calm: false })
  }

  /** How many milliseconds both stores took to work again; undefined if they did not in time. */
  async #recovered() {
    const id = Math.random()
    const probes = Promise.all(this.#processes.map((process) => process.probe(id)))
    const times = await Promise.race([probes, sleep(RECOVERY_MS, [undefined], { ref: false })])
    await sleep(SETTLE_MS)
    return times.includes(undefined) ? undefined : Math.max(...times)
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

  /** The official driver is the witness of what there is. */
  async #compare(reports) {
    const expected = new Map(
      reports.flatMap(({ live }) => live.map(({ sid, text }) => [sid, text])),
    )
    const isOthers = new Set(reports.flatMap(({ liveShared }) => liveShared))
    for await (const document of this.witness.db(DATABASE).collection('sessions').find()) {
      const { _id: sid, expires, session } = document
      if (isOthers.has(sid) || sid.startsWith('probe-')) continue
      const text = shown({
        expires: expires.getTime(),
        cookie: session.cookie._expires.getTime(),
        data: dataOf(session),
      })
      if (!expected.has(sid)) this.#resurrected(sid)
      else if (expected.get(sid) !== text) {
        this.report.violation('wrong', `${sid} is ${text} in the end, not ${expected.get(sid)}`)
      }
      expected.delete(sid)
    }
    for (const [sid, text] of expected) {
      if (text !== shown(null)) this.report.violation('wrong', `${sid} is lost in the end`)
    }
    this.report.sessions = this.#retired.size
  }

  #resurrected(sid) {
    const allowance = this.#retired.get(sid)
    if (allowance === 'open') return
    const kind = allowance === 'late' ? 'late' : 'wrong'
    this.report.violation(kind, `${sid} was destroyed and is there in the end`)
  }
}
