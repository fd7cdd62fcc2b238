'use strict'
// OpenTelemetry's instrumentation of the store, fed by its diagnostics channels. Names are those of the stable
// conventions for databases; those of connections are in development there.

const {
  SpanKind,
  SpanStatusCode,
  ValueType,
  context,
  metrics,
  trace,
} = require('@opentelemetry/api')
const { version } = require('../../package.json')
const { CALLS, COMMANDS, EVENTS } = require('./channels.cjs')
const { configuredAttributes, peerAttributes } = require('./server-attributes.cjs')

const NAME = 'mongodb-session-store'

/** In seconds; those that the conventions recommend. */
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** Commands of which each statement is an operation of its own. A `find` of many sessions is one. */
const BATCHES = new Set(['update', 'delete'])

class MongoSessionStoreInstrumentation {
  instrumentationName = NAME
  instrumentationVersion = version
  #config = {}
  #tracer = trace.getTracer(NAME, version)
  #instruments = instrumentsOf(metrics.getMeter(NAME, version))
  /** The spans of calls and commands under way, by what the channels publish about them. */
  #spans = new WeakMap()
  #isEnabled = false
  #subscriptions = [
    ...Object.values(CALLS).map((channel) => [
      channel,
      {
        start: (message) => this.#callBegins(message),
        asyncEnd: (message) => this.#callEnds(message),
      },
    ]),
    [
      COMMANDS,
      {
        start: (message) => this.#commandBegins(message),
        asyncEnd: (message) => this.#commandEnds(message),
      },
    ],
    [EVENTS['connection-created'], (message) => this.#connections(message, 'idle', 1)],
    [EVENTS['connection-closed'], (message) => this.#connections(message, 'idle', -1)],
    [EVENTS['connection-ready'], (message) => this.#connectionReady(message)],
    [EVENTS['connection-checkout-failed'], (message) => this.#checkoutFailed(message)],
  ]

  constructor(config = {}) {
    this.setConfig(config)
    if (this.#config.enabled) this.enable()
  }

  getConfig() {
    return this.#config
  }

  setConfig(config) {
    this.#config = { enabled: true, requireParentSpan: true, ...config }
  }

  setTracerProvider(provider) {
    this.#tracer = provider.getTracer(NAME, version)
  }

  setMeterProvider(provider) {
    this.#instruments = instrumentsOf(provider.getMeter(NAME, version))
  }

  enable() {
    if (this.#isEnabled) return
    this.#isEnabled = true
    for (const [channel, subscriber] of this.#subscriptions) channel.subscribe(subscriber)
  }

  disable() {
    if (!this.#isEnabled) return
    this.#isEnabled = false
    for (const [channel, subscriber] of this.#subscriptions) channel.unsubscribe(subscriber)
  }

  #callBegins(message) {
    const parent = context.active()
    if (this.#config.requireParentSpan && trace.getSpan(parent) === undefined) return
    const attributes = { 'db.collection.name': message.collection }
    const span = this.#tracer.startSpan(`session.${message.operation}`, { attributes }, parent)
    this.#spans.set(message, { span, parent })
  }

  #callEnds(message) {
    const { span } = this.#spans.get(message) ?? {}
    if (span === undefined) return
    span.setAttribute('mongodb_session_store.outcome', message.outcome)
    fail(span, message)
    span.end()
  }

  /** A command has one parent: the first of its calls that is sampled. It is linked to all of them. */
  #commandBegins(message) {
    this.#connectionTaken(message)
    const calls = message.calls.map((call) => this.#spans.get(call)).filter(Boolean)
    const first = calls.find(({ span }) => span.isRecording()) ?? calls[0]
    if (first === undefined && this.#config.requireParentSpan) return
    const parent = first === undefined ? context.active() : trace.setSpan(first.parent, first.span)
    const attributes = {
      ...attributesOf(message),
      'mongodb_session_store.calls': message.callCount,
    }
    if (BATCHES.has(message.operation) && message.batchSize > 1) {
      attributes['db.operation.batch.size'] = message.batchSize
    }
    const options = {
      kind: SpanKind.CLIENT,
      startTime: message.startTime,
      attributes,
      links: calls.length > 1 ? calls.map(({ span }) => ({ context: span.spanContext() })) : [],
    }
    const name = `${message.operation} ${message.collection}`
    this.#spans.set(message, { span: this.#tracer.startSpan(name, options, parent), parent })
  }

  #commandEnds(message) {
    this.#connectionGiven(message)
    const attributes = { ...attributesOf(message), ...failureOf(message) }
    this.#instruments.duration.record(message.duration / 1000, attributes)
    const { span } = this.#spans.get(message) ?? {}
    if (span === undefined) return
    fail(span, message)
    span.end(message.startTime + message.duration)
  }

  #connectionTaken(message) {
    this.#connections(message, 'idle', -1)
    this.#connections(message, 'used', 1)
    this.#instruments.waitTime.record(message.connectionWaitTime / 1000, poolOf(message))
  }

  #connectionGiven(message) {
    this.#connections(message, 'used', -1)
    this.#connections(message, 'idle', 1)
    this.#instruments.useTime.record(message.duration / 1000, poolOf(message))
  }

  #connectionReady(message) {
    this.#instruments.createTime.record(message.duration / 1000, poolOf(message))
  }

  #checkoutFailed(message) {
    this.#instruments.timeouts.add(1, poolOf(message))
  }

  #connections(message, state, by) {
    const attributes = { ...poolOf(message), 'db.client.connection.state': state }
    this.#instruments.connections.add(by, attributes)
  }
}

function instrumentsOf(meter) {
  const seconds = (name, description) =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      valueType: ValueType.DOUBLE,
      advice: { explicitBucketBoundaries: BUCKETS },
    })
  return {
    duration: seconds('db.client.operation.duration', 'Duration of database client operations.'),
    createTime: seconds(
      'db.client.connection.create_time',
      'The time it took to create a new connection.',
    ),
    waitTime: seconds(
      'db.client.connection.wait_time',
      'The time it took to obtain an open connection from the pool.',
    ),
    useTime: seconds(
      'db.client.connection.use_time',
      'The time between borrowing a connection and returning it to the pool.',
    ),
    connections: meter.createUpDownCounter('db.client.connection.count', {
      description: 'The number of connections that are in the state that the attribute says.',
      unit: '{connection}',
    }),
    timeouts: meter.createCounter('db.client.connection.timeouts', {
      description: 'The number of times that no connection could be obtained.',
      unit: '{timeout}',
    }),
  }
}

function attributesOf(message) {
  const { operation, collection, database, endpoints } = message
  return {
    'db.system.name': 'mongodb',
    'db.namespace': database,
    'db.collection.name': collection,
    'db.operation.name': operation,
    ...configuredAttributes(endpoints),
    ...peerAttributes(message),
  }
}

function poolOf({ serverAddress, serverPort }) {
  const name = serverPort == null ? serverAddress : `${serverAddress}:${serverPort}`
  return { 'db.client.connection.pool.name': name }
}

/** The attributes that a failure has; none without one. */
function failureOf({ outcome, error }) {
  if (outcome === 'abandoned') return { 'error.type': 'abandoned' }
  if (error === undefined) return {}
  if (error.mongoCode === undefined) return { 'error.type': error.code ?? '_OTHER' }
  const status = String(error.mongoCode)
  return { 'db.response.status_code': status, 'error.type': status }
}

function fail(span, message) {
  const failure = failureOf(message)
  if (failure['error.type'] === undefined) return
  span.setAttributes(failure)
  span.setStatus({ code: SpanStatusCode.ERROR, message: message.error?.message })
}

module.exports = { MongoSessionStoreInstrumentation }
