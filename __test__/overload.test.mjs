// A server that has more to do than it can, and says so. See shedding-server.mjs for why it is none of
// MongoDB's; outage-server-errors.test.mjs has a real one that answers with such an error.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { overload, startSheddingServer } from './shedding-server.mjs'
import { connected, failure, inTime, newSession, openStore, succeeds, until } from './support.mjs'

const LIFETIME = 3_600_000

/** How many milliseconds at least nothing is sent after the third refusal in a row. */
const SHORTEST_THIRD_PAUSE = 400

/** A store whose index is there and whose server has answered. */
async function settledStore(t, { query = '', ...options } = {}) {
  const server = await startSheddingServer(t)
  const store = openStore(t, { uri: server.uri + query, ...options })
  await connected(store)
  await until(() => server.sent('listCollections').length > 0, 'the indexes')
  await inTime(store, () => store.get('sid'))
  server.commands.length = 0
  return { server, store }
}

/** Lets the server refuse commands, of these names if any are given, until it is told to stop. */
function shed(server, reply = overload(), names = undefined) {
  server.sheds = ({ name }) => ((names?.includes(name) ?? true) ? reply : undefined)
  return () => (server.sheds = () => undefined)
}

/** Lets it refuse so many. */
function shedNext(server, times, reply = overload()) {
  server.sheds = () => (times-- > 0 ? reply : undefined)
}

test('what is refused comes again after as long as the server says, and nothing of the store before', async (t) => {
  const { server, store } = await settledStore(t)
  const baseBackoffMS = 250
  shedNext(server, 1, overload({ baseBackoffMS }))
  const saved = store.set('sid', newSession())
  await until(() => server.commands.length > 0, 'the first attempt')
  await Promise.all([saved, store.get('other'), store.destroy('third')])
  const [first, second] = server.commands
  assert.deepEqual([first.name, second.name], ['update', 'update'])
  assert.ok(second.at - first.at >= baseBackoffMS, `${second.at - first.at} ms`)
  // It carries the same transaction number, so that it could not be carried out twice.
  assert.equal(first.document.txnNumber, second.document.txnNumber)
  // A read that is late is sent a second time.
  assert.ok(server.sent('find').length >= 1)
  assert.equal(server.sent('delete').length, 1)
  assert.equal(store.stats().retries, 1)
  assert.deepEqual(store.events, [])
})

test('who cannot be helped soon is told so, and when to call again', async (t) => {
  const { server, store } = await settledStore(t)
  const stop = shed(server)
  const error = await failure(store.set('sid', newSession()))
  assert.equal(error.code, 'ERR_STORE_OVERLOADED')
  assert.equal(error.mongoCode, 462)
  assert.equal(error.mongoCodeName, 'IngressRequestRateLimitExceeded')
  assert.ok(error.mongoLabels.includes('SystemOverloadedError'))
  assert.match(error.message, /did not take the set/)
  assert.ok(Number.isInteger(error.retryAfter) && error.retryAfter > 0)
  assert.equal(server.sent('update').length, 3, 'and two more attempts')
  // For a while nothing is sent, and nobody waits.
  const calls = {
    get: () => store.get('sid'),
    set: () => store.set('other', newSession()),
    destroy: () => store.destroy('sid'),
    length: () => store.length(),
    clear: () => store.clear(),
    find: () => store.find({}),
  }
  const before = server.commands.length
  let { retryAfter } = error
  for (const [method, call] of Object.entries(calls)) {
    const refused = await failure(call())
    assert.equal(refused.code, 'ERR_STORE_OVERLOADED', method)
    assert.ok(refused.retryAfter > 0, method)
    ;({ retryAfter } = refused)
  }
  // A machine that stands still may see the end of the pause, and so a command that is refused as well.
  for (const [n, { at }] of server.commands.slice(before).entries()) {
    const pause = at - server.commands[before + n - 1].at
    assert.ok(pause >= SHORTEST_THIRD_PAUSE, `${pause} ms`)
  }
  // No outage: the server is there.
  assert.equal(store.connected, true)
  stop()
  await setTimeout(retryAfter)
  assert.equal(await store.get('sid'), null)
  assert.deepEqual(store.events, [])
})

test('touches are let go first, and the operator is told how many', async (t) => {
  const { server, store } = await settledStore(t)
  const touched = []
  store.on('touch', (sid) => touched.push(sid))
  const stop = shed(server, overload({ baseBackoffMS: 450 }))
  // A command of touches alone is not worth a second attempt.
  await store.touch('sid', newSession({}, LIFETIME))
  assert.equal(server.sent('update').length, 1)
  const get = store.get('other')
  const touches = ['a', 'b', 'c'].map((sid) => store.touch(sid, newSession({}, LIFETIME)))
  stop()
  await Promise.all(touches)
  assert.equal(await get, null)
  assert.equal(server.sent('update').length, 1)
  assert.deepEqual(touched, [])
  const warned = () => store.events.find(({ name }) => name === 'warning')?.value
  const warning = await until(warned, 'the warning')
  assert.equal(warning.code, 'ERR_STORE_OVERLOADED')
  assert.match(warning.message, /4 touches were not sent/)
  await store.touch('sid', newSession({}, LIFETIME))
  assert.equal(server.sent('update').length, 2)
})

test('touches that wait when the server refuses a command are let go', async (t) => {
  const { server, store } = await settledStore(t)
  // A machine that stands still sees both ends at once.
  await until(async () => {
    server.commands.length = 0
    shedNext(server, 1, overload({ baseBackoffMS: 450 }))
    const saved = store.set('sid', newSession())
    await store.touch('sid', newSession({}, LIFETIME))
    const isFirst = server.sent('update').length === 1
    await saved
    assert.equal(server.sent('update').length, 2)
    return isFirst
  }, 'a touch that ends before the save comes again')
})

/** Every way in which a server says it. */
const WAYS = {
  'code 462': overload(),
  'code 463': overload({ code: 463 }),
  'code 462 without labels': overload({ labels: [] }),
  'the labels with another code': overload({
    code: 8000,
    labels: ['SystemOverloadedError', 'RetryableError'],
  }),
}

for (const [way, reply] of Object.entries(WAYS)) {
  test(`overload is understood by ${way}`, async (t) => {
    const { server, store } = await settledStore(t)
    shedNext(server, 1, reply)
    await store.set('sid', newSession())
    assert.equal(server.sent('update').length, 2)
    shed(server, reply)
    assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_OVERLOADED')
  })
}

test('what is not said to be worth repeating is not repeated', async (t) => {
  const { server, store } = await settledStore(t)
  shed(server, overload({ code: 8000, labels: ['SystemOverloadedError'] }))
  assert.equal((await failure(store.set('sid', newSession()))).code, 'ERR_STORE_OVERLOADED')
  assert.equal(server.sent('update').length, 1)
})

for (const [option, attempts] of [
  ['maxAdaptiveRetries=0', 1],
  ['maxAdaptiveRetries=1', 2],
  ['retryWrites=false&retryReads=false', 1],
]) {
  test(`${option} in the connection string decides how often`, async (t) => {
    const { server, store } = await settledStore(t, { query: `&${option}` })
    shed(server)
    assert.equal((await failure(store.set('sid', newSession()))).code, 'ERR_STORE_OVERLOADED')
    assert.equal(server.sent('update').length, attempts)
    // A read that is late is sent a second time, which proves nothing.
    await until(async () => {
      server.sheds = () => undefined
      await inTime(store, () => until(() => succeeds(store.get('sid')), 'the end of the pause'))
      const { hedgedReads } = store.stats()
      shed(server)
      server.commands.length = 0
      assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_OVERLOADED')
      return store.stats().hedgedReads === hedgedReads
    }, 'a read that is in time')
    assert.equal(server.sent('find').length, attempts)
  })
}

test('a server that is overloaded at start is there: no outage, nothing in memory, and no index is given up', async (t) => {
  const server = await startSheddingServer(t)
  const stop = shed(server, overload({ baseBackoffMS: 50 }))
  const store = openStore(t, { uri: server.uri, whenDown: 'skip', fallbackMemory: true })
  let hasDisconnected = false
  store.on('disconnect', () => (hasDisconnected = true))
  await connected(store)
  await until(() => server.sent('createIndexes').length > 3, 'attempts to create the index')
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_OVERLOADED')
  stop()
  await until(() => server.sent('listCollections').length > 0, 'the end of the index creation')
  assert.equal(hasDisconnected, false)
  assert.deepEqual(store.events, [])
  await until(() => succeeds(store.get('sid')), 'the end of the pause')
})

test('a store is closed in spite of it', async (t) => {
  const { server, store } = await settledStore(t)
  shed(server, overload({ baseBackoffMS: 600_000 }))
  assert.equal((await failure(store.set('sid', newSession()))).code, 'ERR_STORE_OVERLOADED')
  await store.close()
})
