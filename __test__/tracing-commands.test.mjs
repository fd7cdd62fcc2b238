// The diagnostics channels: what is published about commands and the calls that they carry, connections and outages.
import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import test from 'node:test'
import { inspect } from 'node:util'
import { listen, listenPlainly, requests } from './channels-support.mjs'
import { ownMongod } from './outage-support.mjs'
import {
  connected,
  database,
  failure,
  freeze,
  inTime,
  newSession,
  openStore,
  until,
} from './support.mjs'

test('a command says which calls it carries, where it went and how long that took', async (t) => {
  const { uri } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await until(() => store.stats().commands.listCollections, 'the end of the start')
  const heard = listen(t, 'get', 'set', 'command')
  // The second of two reads may belong to calls that have ended.
  await inTime(store, async () => {
    heard.length = 0
    await requests.run('writer', () =>
      store.set('live-credential', newSession({ secret: 'private' })),
    )
    await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        requests.run(`reader ${i}`, () => store.get(`live-credential${i}`)),
      ),
    )
  })
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
  assert.equal(carried.length, gets.length)
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

test('what update, take and devices read belongs to their calls', async (t) => {
  const { uri } = await database(t)
  const options = { deleteFlags: true, userId: (session) => session.user, device: true }
  const store = await connected(openStore(t, { uri, ...options }))
  await store.set('sid', newSession({ user: 'ada', token: 'once' }))
  const heard = listen(t, 'command')
  await inTime(store, async () => {
    heard.length = 0
    await store.update('sid', () => {})
    await store.take('sid', 'token')
    await store.devices('ada', { current: 'gone' })
  })
  await until(() => heard.filter(({ event }) => event === 'asyncEnd').length >= 6, 'the commands')
  const begun = heard.filter(({ event, then }) => event === 'start' && then.callCount > 0)
  const operations = begun.map(({ then }) => then.calls.map(({ operation }) => operation).join())
  assert.deepEqual([...new Set(operations)].sort(), ['devices', 'take', 'update'])
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
  const closed = listenPlainly(t, 'connection-closed')
  const mongod = await ownMongod(t)
  const stores = [1, 2, 3].map(() => openStore(t, { uri: mongod.uri }))
  await Promise.all(stores.map((store) => store.get('sid')))
  await until(() => created.length > 0, 'a connection')
  const told = created.length - closed.length
  assert.ok(told <= stores[0].stats().connections.open, `${told} connections`)
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
