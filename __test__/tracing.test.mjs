// The diagnostics channels: what is published about calls, in whose context.
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
import { listen, requests } from './channels-support.mjs'
import { database, failure, load, newSession, onBothEngines, openStore } from './support.mjs'

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
