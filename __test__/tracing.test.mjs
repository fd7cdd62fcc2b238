// The diagnostics channels: what is published about calls, commands, connections and outages.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import session from 'express-session'
import { listen, listenPlainly, requests } from './channels-support.mjs'
import { ownMongod } from './outage-support.mjs'
import {
  connected,
  database,
  failure,
  freeze,
  load,
  newSession,
  onBothEngines,
  openStore,
  until,
} from './support.mjs'

const index = fileURLToPath(new URL('../index.cjs', import.meta.url))

/** Each method that calls no other one, and its arguments. */
const CALLS = [
  ['set', 'live-credential', newSession({ secret: 'private', user: 'ada' })],
  ['get', 'live-credential'],
  ['touch', 'live-credential', newSession()],
  ['all'],
  ['length'],
  ['ids'],
  ['entries'],
  ['find', { secret: 'private' }],
  ['count', { secret: 'private' }],
  ['sessionsOf', 'ada'],
  ['destroyByUser', 'ada'],
  ['destroyMany', { secret: 'private' }],
  ['destroy', 'live-credential'],
  ['flagDeletion', 'live-credential'],
  ['cleanup'],
  ['clear'],
  ['ping'],
]

onBothEngines(
  test,
  'a call is traced from its start to its end, in the context of who called',
  async (t, open) => {
    const store = open({ userId: (session) => session.user })
    const heard = listen(t, ...CALLS.map(([method]) => method), 'scan', 'close')
    const asked = []
    const call = (method, ...args) =>
      requests.run(`request of ${method}`, async () => {
        await store[method](...args)
        asked.push(method)
        assert.equal(requests.getStore(), `request of ${method}`, 'after it')
      })
    for (const [method, ...args] of CALLS) await call(method, ...args)
    await requests.run('request of scan', async () => {
      for await (const entry of store.scan()) assert.ok(entry)
    })
    await call('close')

    for (const method of ['get', 'scan', ...asked]) {
      const events = heard.filter(({ name }) => name === method)
      assert.deepEqual(
        events.map(({ event }) => event),
        ['start', 'end', 'asyncStart', 'asyncEnd'],
        method,
      )
      assert.equal(new Set(events.map(({ message }) => message)).size, 1, 'the same object')
      for (const { event, request } of events) {
        assert.equal(request, `request of ${method}`, `${method} ${event}`)
      }
      const [start, , , end] = events
      assert.equal(start.then.operation, method)
      assert.equal(start.then.collection, 'sessions')
      assert.equal(start.then.outcome, undefined)
      assert.equal(end.then.outcome, method === 'get' ? 'hit' : 'succeeded')
    }
  },
)

onBothEngines(test, 'every method that is counted is traced as well', async (t, open) => {
  const store = open({ userId: ({ user }) => user, device: true, deleteFlags: true })
  const counted = Object.keys(store.stats().calls)
  const heard = listen(t, ...counted)
  const sid = 'live-credential'
  const login = () => store.set(sid, newSession({ secret: 'private', once: 1, user: 'ada' }))
  await login()
  await store.update(sid, (session) => void (session.n = 1))
  await store.take(sid, 'once')
  const [{ handle }] = await store.devices('ada')
  for await (const { user } of store.users()) assert.equal(user, 'ada')
  // It teaches the store to make ids.
  session({ store, secret: 'a secret', resave: false, saveUninitialized: false })
  const req = { sessionID: sid, sessionStore: store }
  store.createSession(req, await store.get(sid))
  await store.renew(req)
  await store.revoke('ada', handle)
  await store.revokeOthers('ada', sid)
  for (const [method, ...args] of CALLS) await store[method](...args)
  for await (const entry of store.scan()) assert.ok(entry)
  await store.close()
  const ended = heard.filter(({ event }) => event === 'asyncEnd')
  assert.deepEqual([...new Set(ended.map(({ name }) => name))].sort(), counted.sort())
  for (const { name, message } of heard) assert.equal(message.operation, name)
  assert.doesNotMatch(inspect(heard, { depth: 9, showHidden: true }), /live-credential|private/)
})

onBothEngines(
  test,
  'a callback is called in the context of the call, behind its end',
  async (t, open) => {
    const store = open()
    const heard = listen(t, 'get')
    const inCallback = await requests.run('request', () => {
      return new Promise((resolve) =>
        store.get('sid', () => resolve({ request: requests.getStore(), events: heard.length })),
      )
    })
    assert.deepEqual(inCallback, { request: 'request', events: 4 })
    assert.equal(heard[3].message.outcome, 'miss')
  },
)

onBothEngines(
  test,
  'what became of a save or a touch that came to nothing is told',
  async (t, open) => {
    const store = open({ touchAfter: 50_000 })
    const heard = listen(t, 'set', 'touch')
    await store.set('sid', newSession({}, 200_000))
    const session = await load(store)
    await store.touch('sid', session)
    await store.destroy('sid')
    session.changed = true
    await store.set('sid', session)
    const ends = heard.filter(({ event }) => event === 'asyncEnd')
    const outcomes = ends.map(({ message }) => message.outcome)
    assert.deepEqual(outcomes, ['succeeded', 'skipped', 'discarded'])
  },
)

onBothEngines(
  test,
  'a failure is published with its error, and nothing that the application has thrown',
  async (t, open) => {
    const ttl = () => {
      throw new Error('private')
    }
    const store = open({ ttl })
    const heard = listen(t, 'get', 'set')
    await failure(store.get(1))
    await failure(store.set('live-credential', newSession()))
    await store.close()
    await failure(store.get('live-credential'))
    const errors = heard.filter(({ event }) => event === 'error').map(({ message }) => message)
    assert.deepEqual(
      errors.map(({ outcome, error }) => [outcome, error.code]),
      [
        ['failed', 'ERR_INVALID_ARG_TYPE'],
        ['failed', undefined],
        ['failed', 'ERR_STORE_CLOSED'],
      ],
    )
    assert.doesNotMatch(inspect(errors, { depth: 9 }), /private|live-credential/)
    const order = heard.filter(({ name }) => name === 'set').map(({ event }) => event)
    assert.deepEqual(order, ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
  },
)

test('what subscribers bind to the start of a call is there for all of its events and commands', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const spans = new AsyncLocalStorage()
  const { start } = tracingChannel('mongodb-session-store:get')
  start.bindStore(spans, ({ operation }) => `span of ${operation}`)
  t.after(() => start.unbindStore(spans))
  const seen = []
  for (const name of ['get', 'command']) {
    const subscribers = { asyncEnd: () => seen.push([name, spans.getStore()]) }
    tracingChannel(`mongodb-session-store:${name}`).subscribe(subscribers)
    t.after(() => tracingChannel(`mongodb-session-store:${name}`).unsubscribe(subscribers))
  }
  await store.get('sid')
  assert.equal(spans.getStore(), undefined)
  const ofTheCall = seen.filter(([, span]) => span === 'span of get').map(([name]) => name)
  // A read that is late is sent a second time, and either may answer.
  assert.deepEqual([...new Set(ofTheCall)].sort(), ['command', 'get'])
})

test('a command says which calls it carries, where it went and how long that took', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await until(() => store.stats().commands.listCollections, 'the end of the start')
  const heard = listen(t, 'get', 'set', 'command')
  await requests.run('writer', () =>
    store.set('live-credential', newSession({ secret: 'private' })),
  )
  await Promise.all(
    Array.from({ length: 64 }, (_, i) =>
      requests.run(`reader ${i}`, () => store.get(`live-credential${i}`)),
    ),
  )
  const starts = heard.filter(({ name, event }) => name === 'command' && event === 'start')
  const writes = starts.filter(({ message }) => message.operation === 'update')
  const reads = starts.filter(({ message }) => message.operation === 'find')
  const { hostname, port, pathname } = new URL(uri)
  assert.equal(writes.length, 1)
  assert.ok(reads.length < 64, `${reads.length} commands`)
  for (const { message, then, request } of [...writes, ...reads]) {
    assert.equal(message.collection, 'sessions')
    assert.equal(message.database, pathname.slice(1))
    assert.deepEqual(message.endpoints, [`${hostname}:${port}`])
    assert.equal(message.serverAddress, hostname)
    assert.equal(message.serverPort, Number(port))
    assert.equal(message.calls.length, message.callCount)
    assert.equal(message.batchSize, message.callCount)
    assert.ok(message.waitTime >= 0 && message.connectionWaitTime >= 0 && message.duration > 0)
    assert.ok(Math.abs(message.startTime - Date.now()) < 60_000)
    assert.equal(then.outcome, undefined)
    assert.equal(message.outcome, 'succeeded')
    assert.match(request, message.operation === 'find' ? /^reader/ : /^writer$/)
  }
  const carried = reads.flatMap(({ message }) => message.calls)
  const gets = heard.filter(({ name, event }) => name === 'get' && event === 'start')
  // More than once, if a command was late: it is sent a second time.
  assert.deepEqual(new Set(carried), new Set(gets.map(({ message }) => message)))
  assert.ok(reads.some(({ message }) => message.callCount > 1))
  // Nothing of a session, wherever one looks.
  assert.doesNotMatch(inspect(heard, { depth: 9, showHidden: true }), /live-credential|private/)

  const order = heard
    .filter(
      ({ message }) => message === writes[0].message || message === writes[0].message.calls[0],
    )
    .map(({ name, event }) => `${name} ${event}`)
  const command = ['command start', 'command end', 'command asyncStart', 'command asyncEnd']
  const [start, end, ...rest] = order
  assert.deepEqual([start, end], ['set start', 'set end'])
  assert.deepEqual(rest, [...command, 'set asyncStart', 'set asyncEnd'])
})

test('a command that the server refuses is told with the code of the server', async (t) => {
  const { uri } = await database(t)
  // A standalone has no snapshots.
  const snapshot = `${uri}${uri.includes('?') ? '&' : '?'}readConcernLevel=snapshot`
  const store = await connected(openStore(t, { uri: snapshot }))
  const heard = listen(t, 'command')
  const { code, mongoCode } = await failure(store.get('live-credential'))
  const { message } = heard.find(({ event }) => event === 'error')
  assert.equal(message.operation, 'find')
  assert.equal(message.outcome, 'failed')
  assert.deepEqual([message.error.code, message.error.mongoCode], [code, mongoCode])
  assert.ok(mongoCode > 0)
  // One that is late is sent a second time.
  const { commands, hedgedReads } = store.stats()
  const { failed } = commands.find
  assert.ok(failed >= 1 && failed <= 1 + hedgedReads, `${failed} commands`)
})

test('the commands of a list belong to the call that asked for it', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + 3_600_000)
  await sessions.insertMany(
    Array.from({ length: 250 }, (_, i) => ({ _id: `sid${i}`, expires, session: { cookie: {} } })),
  )
  const store = await connected(openStore(t, { uri }))
  const heard = listen(t, 'entries', 'command')
  await store.entries()
  const [{ message: call }] = heard
  const commands = heard.filter(
    ({ name, event, message }) =>
      name === 'command' && event === 'start' && message.calls.includes(call),
  )
  assert.ok(commands.length > 1, 'several pages')
})

test('subscribers may come and go at any time', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  const before = store.get('sid')
  const commands = tracingChannel('mongodb-session-store:command')
  const finds = []
  const subscribers = { asyncEnd: ({ operation }) => operation === 'find' && finds.push(operation) }
  commands.subscribe(subscribers)
  await Promise.all([before, store.get('sid')])
  assert.ok(finds.length >= 1)
  commands.unsubscribe(subscribers)
  const { length } = finds
  await store.get('sid')
  assert.equal(finds.length, length)
})

test('connections are told as they come and go', async (t) => {
  const [created, ready, closed] = ['created', 'ready', 'closed'].map((event) =>
    listenPlainly(t, `connection-${event}`),
  )
  const mongod = await ownMongod(t)
  const store = await connected(openStore(t, { uri: mongod.uri }))
  await store.get('sid')
  await until(() => ready.length > 0, 'a connection')
  const port = Number(new URL(mongod.uri).port)
  for (const { serverAddress, serverPort } of [...created, ...ready]) {
    assert.deepEqual([serverAddress, serverPort], [new URL(mongod.uri).hostname, port])
  }
  assert.ok(ready[0].duration > 0)
  // The pool opens and closes them in the background, and its events come a moment later.
  await until(
    () => store.stats().connections.open === created.length - closed.length,
    'each open connection to be told',
  )
  await store.close()
  await until(() => closed.length === created.length, 'the end of the connections')
})

test('stores that share connections tell of each once', async (t) => {
  const created = listenPlainly(t, 'connection-created')
  const mongod = await ownMongod(t)
  const stores = [1, 2, 3].map(() => openStore(t, { uri: mongod.uri }))
  await Promise.all(stores.map((store) => store.get('sid')))
  await until(() => created.length > 0, 'a connection')
  assert.ok(created.length <= stores[0].stats().connections.open, `${created.length} connections`)
})

test('an outage is told when it begins and when it ends', async (t) => {
  const began = listenPlainly(t, 'outage-began')
  const ended = listenPlainly(t, 'outage-ended')
  const mongod = await ownMongod(t)
  const store = await connected(openStore(t, { uri: mongod.uri, operationTimeout: 3000 }))
  await freeze(mongod.pid)
  await failure(store.get('sid'))
  await until(() => began.length > 0, 'the beginning')
  assert.equal(began[0].collection, 'sessions')
  assert.equal(began[0].error.code, 'ERR_STORE_CONNECTION')
  process.kill(mongod.pid, 'SIGCONT')
  await until(() => ended.length > 0, 'the end')
  assert.ok(ended[0].duration > 0)
})

test('Node before 20.13, whose tracing channels do not say whether anybody listens', async () => {
  const source = `
    const { tracingChannel } = require('node:diagnostics_channel')
    const tracing = tracingChannel('mongodb-session-store:get')
    delete Object.getPrototypeOf(tracing).hasSubscribers
    const { MongoSessionStore } = require(${JSON.stringify(index)})
    const store = new MongoSessionStore({ uri: 'memory:' })
    const events = [tracing.hasSubscribers]
    store.get('sid').then(async () => {
      tracing.subscribe({ asyncEnd: ({ outcome }) => events.push(outcome) })
      await store.get('sid')
      console.log(events.join())
    })`
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', source])
  assert.equal(stdout, ',miss\n')
})

test('a worker thread hears of its own stores only', async (t) => {
  const heard = listen(t, 'get')
  const source = `
    const { once } = require('node:events')
    const { tracingChannel } = require('node:diagnostics_channel')
    const { parentPort } = require('node:worker_threads')
    const { MongoSessionStore } = require(${JSON.stringify(index)})
    const outcomes = []
    tracingChannel('mongodb-session-store:get').subscribe({ asyncEnd: ({ outcome }) => outcomes.push(outcome) })
    const store = new MongoSessionStore({ uri: 'memory:' })
    store.get('sid').then(() => parentPort.postMessage(outcomes))`
  const [outcomes] = await once(new Worker(source, { eval: true }), 'message')
  assert.deepEqual(outcomes, ['miss'])
  assert.deepEqual(heard, [])
})

test('what another store does for a get happens in the context of that get', async (t) => {
  const previousStore = {
    get: (sid, callback) => {
      seen.push(requests.getStore())
      callback(null, null)
    },
    destroy: (sid, callback) => callback(),
  }
  const seen = []
  const store = openStore(t, { uri: 'memory:', previousStore })
  listen(t, 'get')
  await requests.run('request', () => store.get('sid'))
  assert.deepEqual(seen, ['request'])
})

test('what update, take and devices read belongs to their calls', async (t) => {
  const { uri } = await database(t)
  const options = { deleteFlags: true, userId: (session) => session.user, device: true }
  const store = await connected(openStore(t, { uri, ...options }))
  await store.set('sid', newSession({ user: 'ada', token: 'once' }))
  const heard = listen(t, 'command')
  await store.update('sid', () => {})
  await store.take('sid', 'token')
  await store.devices('ada', { current: 'gone' })
  await until(() => heard.filter(({ event }) => event === 'asyncEnd').length >= 6, 'the commands')
  const begun = heard.filter(({ event, then }) => event === 'start' && then.callCount > 0)
  const operations = begun.map(({ then }) => then.calls.map(({ operation }) => operation).join())
  assert.deepEqual([...new Set(operations)].sort(), ['devices', 'take', 'update'])
})
