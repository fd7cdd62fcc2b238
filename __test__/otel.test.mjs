// `mongodb-session-store/otel` with OpenTelemetry's SDK, beside its instrumentation of HTTP.
import assert from 'node:assert/strict'
import test from 'node:test'
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import * as stable from '@opentelemetry/semantic-conventions'
import * as incubating from '@opentelemetry/semantic-conventions/incubating'
import { MongoSessionStoreInstrumentation } from 'mongodb-session-store/otel'
import { configuredAttributes } from '../lib/observability/server-attributes.cjs'
import { ownMongod } from './outage-support.mjs'
import { connected, database, failure, newSession, openStore, until } from './support.mjs'

const spans = new InMemorySpanExporter()
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
tracerProvider.register()
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({
  exporter: metricExporter,
  exportIntervalMillis: 3_600_000,
})
const meterProvider = new MeterProvider({ readers: [reader] })
const instrumentation = new MongoSessionStoreInstrumentation()
registerInstrumentations({
  instrumentations: [new HttpInstrumentation(), instrumentation],
  tracerProvider,
  meterProvider,
})
test.after(() => Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]))

// HTTP is instrumented as it is loaded.
const { Browser, serve, sessionOf } = await import('./express-support.mjs')
const { default: express } = await import('express')

const tracer = trace.getTracer('test')

/** What has been measured, by the name of the metric. */
async function measured() {
  metricExporter.reset()
  await reader.forceFlush()
  const { scopeMetrics } = metricExporter.getMetrics().at(-1)
  const metrics = scopeMetrics.flatMap((scope) => scope.metrics)
  return Object.fromEntries(metrics.map((metric) => [metric.descriptor.name, metric]))
}

/** The spans that have ended, below what `action` does in a span of its own. */
async function spansOf(action) {
  const root = tracer.startSpan('root')
  await context.with(trace.setSpan(context.active(), root), action)
  root.end()
  const { traceId, spanId } = root.spanContext()
  const found = spans.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId)
  return { spanId, found: found.filter((span) => span.name !== 'root') }
}

const parentOf = (span) => span.parentSpanContext?.spanId
const idOf = (span) => span.spanContext().spanId

test('one trace leads from a request to the commands of its session', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  const app = express()
  app.use(sessionOf(store, { resave: false, saveUninitialized: false }))
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(String(req.session.views))
  })
  const browser = new Browser(await serve(t, app))
  const all = () => spans.getFinishedSpans()
  const request = () => until(() => all().find(({ kind }) => kind === SpanKind.SERVER), 'a request')
  spans.reset()
  await browser.get('/')
  await request()
  spans.reset()
  await browser.get('/')
  const server = await request()
  const ofRequest = all().filter((span) => {
    return span.spanContext().traceId === server.spanContext().traceId
  })
  const named = (name) => ofRequest.find((span) => span.name === name)
  for (const [call, command] of [
    ['session.get', 'find sessions'],
    ['session.set', 'update sessions'],
  ]) {
    assert.equal(parentOf(named(call)), idOf(server), call)
    assert.equal(named(call).kind, SpanKind.INTERNAL)
    assert.equal(parentOf(named(command)), idOf(named(call)), command)
    assert.equal(named(command).kind, SpanKind.CLIENT)
  }
  assert.equal(named('session.get').attributes['mongodb_session_store.outcome'], 'hit')
  const { hostname, port, pathname } = new URL(uri)
  assert.deepEqual(named('find sessions').attributes, {
    'db.system.name': 'mongodb',
    'db.namespace': pathname.slice(1),
    'db.collection.name': 'sessions',
    'db.operation.name': 'find',
    'server.address': hostname,
    'server.port': Number(port),
    'network.peer.address': hostname,
    'network.peer.port': Number(port),
    'mongodb_session_store.calls': 1,
  })
  assert.deepEqual(named('find sessions').links, [])
  const { startTime, endTime } = named('find sessions')
  const ms = ([seconds, nanoseconds]) => seconds * 1000 + nanoseconds / 1e6
  assert.ok(ms(endTime) > ms(startTime))
})

test('a command is linked to all the calls that it carries, and a child of one of them', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  const { found } = await spansOf(async () => {
    const sids = Array.from({ length: 100 }, (_, i) => `live-credential${i}`)
    await Promise.all(sids.map((sid) => store.set(sid, newSession({ secret: 'private' }))))
  })
  const calls = found.filter(({ name }) => name === 'session.set')
  const commands = found.filter(({ name }) => name === 'update sessions')
  assert.equal(calls.length, 100)
  assert.ok(commands.length < 100)
  const ids = new Set(calls.map(idOf))
  let carried = 0
  for (const command of commands) {
    assert.ok(ids.has(parentOf(command)))
    const { 'mongodb_session_store.calls': count, 'db.operation.batch.size': size } =
      command.attributes
    assert.equal(size, count > 1 ? count : undefined)
    assert.equal(command.links.length, count > 1 ? count : 0)
    for (const link of command.links) assert.ok(ids.has(link.context.spanId))
    carried += count
  }
  assert.equal(carried, 100)
  const text = JSON.stringify(
    found.map(({ name, attributes, events }) => [name, attributes, events]),
  )
  assert.doesNotMatch(text, /live-credential|private/)
})

test('failures have the status of the server, or the code of the store', async (t) => {
  const { uri } = await database(t)
  // A standalone has no snapshots.
  const snapshot = `${uri}${uri.includes('?') ? '&' : '?'}readConcernLevel=snapshot`
  const store = await connected(openStore(t, { uri: snapshot }))
  let status
  const { found } = await spansOf(async () => {
    status = String((await failure(store.get('sid'))).mongoCode)
    await failure(store.touch(1))
  })
  const [command, call, refused] = ['find sessions', 'session.get', 'session.touch'].map((name) =>
    found.find((span) => span.name === name),
  )
  for (const span of [command, call, refused]) assert.equal(span.status.code, SpanStatusCode.ERROR)
  assert.equal(command.attributes['db.response.status_code'], status)
  assert.equal(command.attributes['error.type'], status)
  assert.equal(refused.attributes['error.type'], 'ERR_INVALID_ARG_TYPE')
})

test('commands and connections are measured by the conventions', async (t) => {
  const mongod = await ownMongod(t)
  const store = await connected(openStore(t, { uri: mongod.uri }))
  await store.set('sid', newSession())
  await store.get('sid')
  const port = Number(new URL(mongod.uri).port)
  const pool = `127.0.0.1:${port}`
  const countOf = (metrics, state) =>
    metrics['db.client.connection.count'].dataPoints.find(
      ({ attributes }) =>
        attributes['db.client.connection.pool.name'] === pool &&
        attributes['db.client.connection.state'] === state,
    )?.value
  // The pool opens and closes them in the background.
  const metrics = await until(async () => {
    const metrics = await measured()
    const { open } = store.stats().connections
    return countOf(metrics, 'used') === 0 && countOf(metrics, 'idle') === open && metrics
  }, 'idle connections')
  const duration = metrics['db.client.operation.duration']
  assert.equal(duration.descriptor.unit, 's')
  const finds = duration.dataPoints.find(
    ({ attributes }) =>
      attributes['db.operation.name'] === 'find' && attributes['server.port'] === port,
  )
  // A read that is late is sent a second time.
  assert.ok(finds.value.count >= 1)
  assert.ok(finds.value.sum > 0 && finds.value.sum < 10)
  assert.deepEqual(finds.value.buckets.boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
  for (const name of ['create_time', 'wait_time', 'use_time']) {
    const { descriptor, dataPoints } = metrics[`db.client.connection.${name}`]
    assert.equal(descriptor.unit, 's')
    const point = dataPoints.find(({ attributes }) => {
      return attributes['db.client.connection.pool.name'] === pool
    })
    assert.ok(point.value.count > 0, name)
  }
})

test('every name is one of the conventions, and those of commands are stable', async (t) => {
  const mongod = await ownMongod(t)
  const store = await connected(openStore(t, { uri: mongod.uri }))
  const { found } = await spansOf(async () => {
    const saves = Array.from({ length: 20 }, (_, i) => store.set(`sid${i}`, newSession()))
    await Promise.all([...saves, store.get('sid'), failure(store.get(1))])
    await failure(store.destroyMany({ session: { $where: 1 } }))
  })
  const known = new Set(Object.values(stable))
  const names = new Set(found.flatMap(({ attributes }) => Object.keys(attributes)))
  const own = [...names].filter((name) => name.startsWith('mongodb_session_store.'))
  assert.deepEqual(own.sort(), ['mongodb_session_store.calls', 'mongodb_session_store.outcome'])
  const others = [...names].filter((name) => !own.includes(name))
  assert.ok(others.length >= 10, others.join())
  assert.deepEqual(others.filter((name) => !known.has(name)), []) // prettier-ignore

  const metrics = Object.values(await measured()).filter(({ descriptor }) => {
    return descriptor.name.startsWith('db.')
  })
  assert.ok(metrics.length >= 5)
  const allKnown = new Set([...known, ...Object.values(incubating)])
  for (const { descriptor, dataPoints } of metrics) {
    const used = dataPoints.flatMap(({ attributes }) => Object.keys(attributes))
    for (const name of [descriptor.name, ...used]) assert.ok(allKnown.has(name), name)
  }
  assert.ok(known.has('db.client.operation.duration'))
})

test('the address of a store is what its connection string names, whichever server a command goes to', () => {
  for (const [endpoints, address, port] of [
    [['db.example.com:27017'], 'db.example.com'],
    [['db.example.com:27018'], 'db.example.com', 27_018],
    [['::1:27018'], '::1', 27_018],
    [['/tmp/mongodb-27017.sock'], '/tmp/mongodb-27017.sock'],
    [['b:27017', 'a:27017'], 'a,b'],
    [['b:27017', 'a:27018', '::1:27017'], '[::1]:27017,a:27018,b:27017'],
    [['f', 'e', 'd', 'c', 'b', 'a'].map((name) => `${name}:27017`), 'a,b,c,d,e'],
    [['mongodb+srv://cluster.example.com'], 'mongodb+srv://cluster.example.com'],
  ]) {
    const expected = { 'server.address': address, ...(port && { 'server.port': port }) }
    assert.deepEqual(configuredAttributes(endpoints), expected)
  }
  assert.deepEqual(configuredAttributes(null), {})
})

test('without a span of the application there is none, unless one wants them', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  t.after(() => instrumentation.setConfig({}))
  spans.reset()
  await store.get('sid')
  assert.deepEqual(spans.getFinishedSpans(), [])
  instrumentation.setConfig({ requireParentSpan: false })
  await store.get('sid')
  const names = new Set(spans.getFinishedSpans().map(({ name }) => name))
  // What the store does beside its calls may be among them.
  assert.ok(names.has('session.get') && names.has('find sessions'), [...names].join())
})

test('it can be switched off, and on again', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  t.after(() => instrumentation.enable())
  instrumentation.disable()
  const off = await spansOf(() => store.get('sid'))
  instrumentation.enable()
  instrumentation.enable()
  const on = await spansOf(() => store.get('sid'))
  assert.deepEqual([off.found.length, on.found.length], [0, 1])
  assert.equal(parentOf(on.found[0]), on.spanId)
})
