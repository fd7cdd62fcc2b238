// What a soak has found.
import { Latencies, compareQuarters } from './measure.mjs'

/** What must not happen, by the kind that violations are reported under. */
export const KINDS = {
  wrong: 'lost, resurrected or never written',
  late: 'overtaken by a write that had timed out',
  error: 'errors without a code, or with a session id',
  slow: 'hanging calls, or no recovery',
  died: 'processes that died',
  grown: 'memory, handles or connections that grew',
}

/** How much more the last quarter may hold than the first stable one. */
const TOLERANCE = {
  rss: { share: 0.1, slack: 8 },
  handles: { share: 0, slack: 2 },
  fds: { share: 0, slack: 4 },
}

/** How many processes have stores. */
const PROCESSES = 2

/** So many violations of a kind are printed. */
const PRINTED = 5

export class Report {
  #violations = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]))
  #faults = []
  #rows = []
  #latencies = new Latencies()
  #errors = new Map()
  #discards = 0
  #name
  /** How many connections a process may have. */
  #mostConnections = 0
  #standstillMs = 0
  #connections = []
  sessions = 0

  /** `console` is where it is told what happens. */
  constructor({ minutes, seed, console = globalThis.console }) {
    Object.assign(this, { minutes, seed, console, begin: Date.now() })
  }

  get isClean() {
    return Object.values(this.#violations).every((count) => count === 0)
  }

  /** What comes now happens in the setting of this name. */
  setting(name, mostConnections) {
    this.#name = name
    this.#mostConnections = mostConnections
    this.#connections = []
    this.console.log(`${this.#time()} ${name}`)
  }

  say(what) {
    this.console.log(`  ${this.#time()} ${what}`)
  }

  connections(count) {
    this.#connections.push(count)
  }

  violation(kind, what) {
    if (++this.#violations[kind] <= PRINTED) {
      this.console.error(`✗ ${this.#time()} ${KINDS[kind]}\n    ${shorten(what)}`)
    }
  }

  fault({ name, what, ms }) {
    this.#faults.push({ name, ms })
    const recovery = ms === undefined ? 'no recovery' : `works again after ${Math.round(ms)} ms`
    this.console.log(`  ${this.#time()} ${name} ${what}, ${recovery}`)
  }

  /** Takes what the processes have sampled and counted. */
  processes(processes) {
    for (const { name, samples, report } of processes) {
      for (const [what, tolerance] of Object.entries(TOLERANCE)) {
        const values = samples.map((sample) => sample[what])
        const slack = tolerance.slack + (what === 'fds' ? this.#mostConnections : 0)
        const title = `${what === 'rss' ? 'RSS in MiB' : what}, process ${name}`
        this.#compare(title, values, { ...tolerance, slack })
      }
      this.#standstillMs = Math.max(this.#standstillMs, report?.standstillMs ?? 0)
      this.#latencies.add(report?.latencies ?? [])
      this.#discards += report?.discards ?? 0
      for (const [code, count] of report?.errors ?? []) {
        this.#errors.set(code, (this.#errors.get(code) ?? 0) + count)
      }
    }
    const slack = 4 + PROCESSES * this.#mostConnections
    this.#compare('connections of mongod', this.#connections, { share: 0, slack })
  }

  #compare(title, values, tolerance) {
    const compared = compareQuarters(values, tolerance)
    if (compared === undefined) return
    this.#rows.push({ title: `${this.#name}: ${title}`, ...compared })
    if (compared.isFlat === false) {
      this.violation('grown', `${title}: ${compared.first} → ${compared.last}`)
    }
  }

  toString() {
    return [
      ...table(
        ['outside outages', 'calls', 'p50 ms', 'p99 ms'],
        this.#latencies
          .summary()
          .map(({ verb, total, p50, p99 }) => [verb, total, p50.toFixed(2), p99.toFixed(2)]),
      ),
      ...table(
        ['first stable quarter → last, medians', '', '', 'flat'],
        this.#rows.map(({ title, first, last, isFlat }) => [
          title,
          first.toFixed(1),
          last.toFixed(1),
          { true: 'yes', false: 'NO' }[isFlat] ?? 'too short to tell',
        ]),
      ),
      ...table(['faults', 'times', 'longest recovery ms'], this.#recoveries()),
      ...table(['errors by code', 'times'], [...this.#errors].sort()),
      ...table(
        ['violations', 'times'],
        Object.entries(KINDS).map(([kind, what]) => [what, this.#violations[kind]]),
      ),
      '',
      `${this.sessions} sessions came and went, ${this.#discards} late saves were discarded.`,
      `The longest time that the machine let a process stand still: ${Math.round(this.#standstillMs)} ms.`,
      `seed ${this.seed}, ${this.minutes} minutes: ${this.isClean ? 'clean' : 'VIOLATIONS'}`,
    ].join('\n')
  }

  #recoveries() {
    const names = [...new Set(this.#faults.map(({ name }) => name))].sort()
    return names.map((name) => {
      const times = this.#faults
        .filter((fault) => fault.name === name)
        .map(({ ms }) => ms ?? Infinity)
      return [name, times.length, Math.round(Math.max(...times))]
    })
  }

  #time() {
    return `${((Date.now() - this.begin) / 1000).toFixed(1).padStart(6)} s`
  }
}

/** Without the padding of large sessions. */
export function shorten(text) {
  return text.replaceAll(/x{20,}/g, 'x…')
}

function table(head, rows) {
  if (rows.length === 0) return []
  const cells = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[0])))
      .join('  ')
      .trimEnd(),
  )
  return ['', lines[0], '─'.repeat(lines[0].length), ...lines.slice(1)]
}
