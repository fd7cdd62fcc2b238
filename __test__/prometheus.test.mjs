// `mongodb-session-store/prometheus`, read by a parser that others have written.
import assert from 'node:assert/strict'
import test from 'node:test'
import { contentType, render } from 'mongodb-session-store/prometheus'
import parse from 'parse-prometheus-text-format'
import { MongoStore } from 'mongodb-session-store/connect-mongo'
import { connected, database, failure, newSession, openStore, watched } from './support.mjs'

/** By the full name of each metric, what the parser has read of it. */
function read(text) {
  return Object.fromEntries(parse(text).map((metric) => [metric.name, metric]))
}

/** The value of a metric with these labels. */
function valueOf(metrics, name, labels = {}) {
  const found = metrics[`mongodb_session_store_${name}`].metrics.find((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels?.[label] === value),
  )
  return found === undefined ? undefined : Number(found.value)
}

test('what a store has done is read as it was rendered', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await store.set('live-credential', newSession({ secret: 'private' }))
  await store.get('live-credential')
  await store.get('none')
  await failure(store.get(1))
  // One look at the figures: what watches the server in the background moves some of them.
  const stats = store.stats()
  const text = render({ stats: () => stats })
  assert.doesNotMatch(text, /live-credential|private/)
  const metrics = read(text)
  const ended = (operation, outcome) => valueOf(metrics, 'calls_total', { operation, outcome })
  assert.equal(ended('get', 'succeeded'), 2)
  assert.equal(ended('get', 'failed'), 1)
  assert.equal(ended('touch', 'succeeded'), 0)
  assert.equal(valueOf(metrics, 'failures_total', { code: 'ERR_INVALID_ARG_TYPE' }), 1)
  assert.equal(valueOf(metrics, 'hits_total'), 1)
  assert.equal(valueOf(metrics, 'misses_total'), 1)
  // A read that is late is sent a second time.
  const finds = valueOf(metrics, 'commands_total', { command: 'find' })
  assert.ok(finds >= 2 && finds <= 2 + stats.hedgedReads, `${finds} commands`)
  assert.equal(valueOf(metrics, 'command_calls_total', { command: 'update' }), 1)
  assert.ok(valueOf(metrics, 'connections_open') >= 1)
  assert.equal(valueOf(metrics, 'reachable'), 1)
  // Seconds, not milliseconds.
  const p50 = valueOf(metrics, 'latency_seconds', { operation: 'get', percentile: '50' })
  assert.equal(p50, stats.latency.get.p50 / 1000)
  assert.equal(valueOf(metrics, 'round_trip_seconds'), stats.roundTrip / 1000)
})

test('every metric has a help text, a type, and a name by the rules', async (t) => {
  const text = render(openStore(t, { uri: 'memory:' }))
  const metrics = Object.values(read(text))
  assert.ok(metrics.length > 10)
  for (const { name, help, type } of metrics) {
    assert.match(name, /^mongodb_session_store_[a-z_]+$/)
    assert.match(help, /\.$/, name)
    assert.equal(type, name.endsWith('_total') ? 'COUNTER' : 'GAUGE', name)
    // Base units: seconds.
    assert.doesNotMatch(name, /milli|_ms\b|minute/)
  }
  // The parser is lenient about these.
  const lines = text.split('\n')
  assert.equal(lines.pop(), '')
  for (const line of lines) {
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/)
  }
  assert.equal(lines.filter((line) => line.startsWith('# TYPE')).length, metrics.length)
  assert.match(contentType, /^text\/plain; version=0\.0\.4/)
})

test('several stores are told apart by a label, which may be any text', async (t) => {
  const web = openStore(t, { uri: 'memory:' })
  const { uri } = await database(t)
  const admin = watched(t, MongoStore.create({ mongoUrl: uri }))
  await web.get('sid')
  await admin.get('sid')
  await admin.get('sid')
  const text = render({ web, 'the "admin"': admin, 'a\\b\nc': web })
  const metrics = read(text)
  assert.equal(valueOf(metrics, 'misses_total', { store: 'web' }), 1)
  assert.equal(valueOf(metrics, 'misses_total', { store: 'the "admin"' }), 2)
  assert.match(text, /store="a\\\\b\\nc"/)
  assert.equal(text.match(/# TYPE mongodb_session_store_misses_total /g).length, 1)
})

test('what is no store is refused by the name that it was to have', (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const refused = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
  const message = /argument of render must be a store, or an object with stores, got/
  for (const stores of [
    undefined,
    null,
    'web',
    Promise.resolve(store),
    new Map([['web', store]]),
  ]) {
    assert.throws(() => render(stores), { ...refused, message })
  }
  for (const none of [undefined, {}, Promise.resolve(store)]) {
    const named = /property 'admin' of the argument of render must be a store, got/
    assert.throws(() => render({ web: store, admin: none }), { ...refused, message: named })
  }
  // Of tenants, for example, of whom nobody has come yet.
  assert.doesNotMatch(render({}), /^[^#]/m)
})

test('a store that is closed is rendered as well', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.close()
  const closes = { operation: 'close', outcome: 'succeeded' }
  assert.equal(valueOf(read(render(store)), 'calls_total', closes), 1)
})
