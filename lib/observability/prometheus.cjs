'use strict'
// The figures of stores as text for Prometheus, by its rules for names: base units, `_total` for what only rises.

const { unfit } = require('../error.cjs')
const { tagOf } = require('../kind.cjs')

/** What the text is, for the header `Content-Type`. */
const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Each: name, type, help, and what answers the samples of a store: pairs of labels and a value. */
const METRICS = [
  [
    'calls_total',
    'counter',
    'Calls that have ended, by method and outcome.',
    ({ calls }) =>
      Object.entries(calls).flatMap(([operation, { succeeded, failed }]) => [
        [{ operation, outcome: 'succeeded' }, succeeded],
        [{ operation, outcome: 'failed' }, failed],
      ]),
  ],
  [
    'failures_total',
    'counter',
    'Calls that have failed, by the code of the error.',
    ({ failures }) => Object.entries(failures).map(([code, count]) => [{ code }, count]),
  ],
  ['hits_total', 'counter', 'Reads that have found a session.', ({ hits }) => [[{}, hits]]],
  ['misses_total', 'counter', 'Reads that have found none.', ({ misses }) => [[{}, misses]]],
  [
    'discards_total',
    'counter',
    'Saves that were dropped because the session had been destroyed.',
    ({ discards }) => [[{}, discards]],
  ],
  [
    'skipped_touches_total',
    'counter',
    'Touches that were not worth a command.',
    ({ touchesSkipped }) => [[{}, touchesSkipped]],
  ],
  ['calls_in_flight', 'gauge', 'Calls that have not ended.', ({ inFlight }) => [[{}, inFlight]]],
  ['requests_queued', 'gauge', 'Requests that wait for a command.', ({ queued }) => [[{}, queued]]],
  [
    'commands_total',
    'counter',
    'Commands that have left, by their name in MongoDB.',
    ({ commands }) => byCommand(commands, ({ sent }) => sent),
  ],
  [
    'command_failures_total',
    'counter',
    'Commands that were not answered, or with an error.',
    ({ commands }) => byCommand(commands, ({ failed }) => failed),
  ],
  [
    'command_calls_total',
    'counter',
    'Calls that commands have carried.',
    ({ commands }) => byCommand(commands, ({ calls }) => calls),
  ],
  [
    'retries_total',
    'counter',
    'Commands that were sent again after a failure.',
    ({ retries }) => [[{}, retries]],
  ],
  [
    'hedged_reads_total',
    'counter',
    'Reads that were sent a second time because the first was late.',
    ({ hedgedReads }) => [[{}, hedgedReads]],
  ],
  [
    'connections_open',
    'gauge',
    'Connections to all servers, of all stores of the process that share them.',
    ({ connections }) => [[{}, connections.open]],
  ],
  [
    'connections_in_use',
    'gauge',
    'Connections that carry a command of the store.',
    ({ connections }) => [[{}, connections.inUse]],
  ],
  [
    'connections_awaited',
    'gauge',
    'Commands that wait for a connection.',
    ({ connections }) => [[{}, connections.waiting]],
  ],
  [
    'round_trip_seconds',
    'gauge',
    'The fastest round trip to the server of late.',
    ({ roundTrip }) => (roundTrip === null ? [] : [[{}, roundTrip / 1000]]),
  ],
  [
    'outages_total',
    'counter',
    'How often no server could be reached.',
    ({ outages }) => [[{}, outages.count]],
  ],
  [
    'outage_seconds_total',
    'counter',
    'For how long no server could be reached.',
    ({ outages }) => [[{}, outages.duration / 1000]],
  ],
  [
    'reachable',
    'gauge',
    'Whether a server can be reached, as far as is known: 1 or 0.',
    ({ outages }) => [[{}, outages.isOut ? 0 : 1]],
  ],
  [
    'latency_seconds',
    'gauge',
    'How long calls took within the last minute, by method and percentile.',
    ({ latency }) =>
      Object.entries(latency).flatMap(([operation, { count, p50, p90, p99, max }]) =>
        Object.entries(count === 0 ? {} : { 50: p50, 90: p90, 99: p99, 100: max }).map(
          ([percentile, ms]) => [{ operation, percentile }, ms / 1000],
        ),
      ),
  ],
]

/** The text for a store, or for several by the values of their label `store`. */
function render(stores) {
  const labelled = labelledStats(stores)
  const text = METRICS.flatMap(([name, type, help, samplesOf]) => {
    const full = `mongodb_session_store_${name}`
    const samples = labelled.flatMap(([own, stats]) =>
      samplesOf(stats).map(([labels, value]) => sample(full, { ...own, ...labels }, value)),
    )
    return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...samples]
  })
  return `${text.join('\n')}\n`
}

/** Pairs of labels and the figures of a store. */
function labelledStats(stores) {
  if (hasStats(stores)) return [[{}, stores.stats()]]
  // What such an object holds are no stores, a Map nothing at all.
  if (!['Object', 'Array'].includes(tagOf(stores))) {
    throw unfit('render', 'argument', 'a store, or an object with stores', stores)
  }
  return Object.entries(stores).map(([name, store]) => {
    if (!hasStats(store)) {
      throw unfit('render', `property '${name}' of the argument`, 'a store', store)
    }
    return [{ store: name }, store.stats()]
  })
}

function hasStats(store) {
  return typeof store?.stats === 'function'
}

function byCommand(commands, valueOf) {
  return Object.entries(commands).map(([command, counts]) => [{ command }, valueOf(counts)])
}

function sample(name, labels, value) {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`
}

/** Source: "Text format details" in Prometheus' documentation. */
function escaped(text) {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

module.exports = { contentType, render }
