// A network that fails in every way between a store and its server.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { after } from 'node:test'
import { startMongod } from '../scripts/mongod.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'
import {
  assertUnreachable,
  callEveryMethod,
  everyMethodFails,
  openProxy,
  witness,
  works,
} from './outage-support.mjs'
import { failure, newSession, openStore, succeeds, until } from './support.mjs'

/** What every command on the collection contains: its name as a value. */
const COMMAND = '\0sessions\0'

/** The same of those with this name: the store looks after its index beside them. */
const commandOf = (name) => `${name}\0\x09\0\0\0sessions\0`

const SID = 'a-session-id'

const mongod = await startMongod()
after(() => mongod.stop())

/** A proxy, and a store that has worked through it in a database of the test's own. */
async function throughProxy(t, options) {
  const proxy = await openProxy(t, mongod.port)
  const name = `test_${randomUUID().slice(0, 8)}`
  const sessions = await witness(t, withDatabase(mongod.uri, name))
  const uri = withDatabase(proxy.uri, name)
  const store = openStore(t, { uri, operationTimeout: 600, ...options })
  await works(store)
  // While the index is built, nothing else is served. And what happened until then does not count.
  await until(async () => (await sessions.indexes()).length === 2, 'the index')
  store.events.length = 0
  return { proxy, store, sessions }
}

/** Tests of the same promise, which mostly wait, at once. */
function each(title, cases, body) {
  test(title, { concurrency: true }, async (t) => {
    const named = Object.entries(cases)
    await Promise.all(named.map(([name, value]) => t.test(name, (t) => body(t, value, name))))
  })
}

/** How the network can fail, and what the open connections and those to come meet then. */
const FAULTS = {
  'connections are refused': async (proxy) => {
    await proxy.refuse()
    proxy.reset()
  },
  'connections are reset as they are opened': (proxy) => {
    proxy.arrivals = 'reset'
    proxy.reset()
  },
  'connections are half open': (proxy) => {
    proxy.arrivals = 'stall'
    proxy.stall()
  },
  'nothing reaches the server': (proxy) => {
    proxy.arrivals = 'stall'
    proxy.stall(['up'])
  },
  'no reply comes back': (proxy) => {
    proxy.arrivals = 'stall'
    proxy.stall(['down'])
  },
  'every reply is cut half-way': (proxy) => {
    proxy.cutReply(COMMAND, { bytes: 30, times: Infinity })
  },
  'every reply stops half-way': (proxy) => {
    proxy.cutReply(COMMAND, { bytes: 30, times: Infinity, end: 'stall' })
  },
  'everything comes too late': (proxy) => {
    proxy.delay = 2000
  },
}

each('every operation ends in time, and succeeds afterwards', FAULTS, async (t, begin, fault) => {
  const { proxy, store, sessions } = await throughProxy(t)
  await until(() => succeeds(store.set(SID, newSession({ before: true }))), 'the session')
  await begin(proxy)
  await everyMethodFails(store, 600, SID)
  await everyMethodFails(store, 600, SID)
  await heal(proxy)
  await works(store)
  await until(() => succeeds(store.set(SID, newSession({ after: true }))), 'the save')
  assert.equal((await answerOf(() => store.get(SID))).after, true)
  assert.equal((await sessions.findOne({ _id: SID })).session.after, true)
  await everyMethodSucceeds(store, `every method after ${fault}`)
})

/** What a call answers once it is in time: on a busy machine a short limit may run out. */
async function answerOf(call) {
  let answer
  await until(() => succeeds(call().then((value) => (answer = value))), 'an answer in time')
  return answer
}

async function everyMethodSucceeds(store, what) {
  await until(async () => (await callEveryMethod(store, SID)).every(({ error }) => !error), what)
}

async function heal(proxy) {
  proxy.mend()
  proxy.delay = 0
  proxy.arrivals = 'pass'
  proxy.reset()
  await proxy.accept()
}

/**
 * What each method answers that can be called twice, in a collection with the sessions `a` and `b`.
 * Writes whose reply is lost are in retried-writes.test.mjs.
 */
const EFFECTS = {
  get: { command: 'find', args: ['a'], check: (session) => assert.equal(session.name, 'a') },
  touch: { command: 'update', args: ['a', newSession({}, 7_200_000)], check: checkTouched },
  all: { command: 'find', args: [], check: (sessions) => assert.equal(sessions.length, 2) },
  length: { command: 'aggregate', args: [], check: (count) => assert.equal(count, 2) },
}

async function checkTouched(_, sessions) {
  const { expires } = await sessions.findOne({ _id: 'a' })
  assert.ok(expires - Date.now() > 3_600_000)
}

each(
  'a reply that is cut once is asked for again, and nobody notices',
  EFFECTS,
  async (t, effect, method) => {
    // Nothing of the reply, a part of its length, a part of its header, a part of its body.
    const cuts = [0, 3, 10, 40].map(async (bytes) => {
      const { proxy, store, sessions } = await throughProxy(t, { operationTimeout: 10_000 })
      await store.clear()
      for (const name of ['a', 'b']) await store.set(name, newSession({ name }))
      let answer
      // A read that is late is sent a second time, and that may be answered before the first reply is cut.
      await until(async () => {
        const { cuts } = proxy
        proxy.cutReply(commandOf(effect.command), { bytes })
        answer = await store[method](...effect.args)
        return proxy.cuts > cuts
      }, 'an answer behind a cut')
      await effect.check?.(answer, sessions)
      const left = await sessions.distinct('_id')
      assert.deepEqual(left, ['a', 'b'])
      assert.deepEqual(store.events, [])
    })
    await Promise.all(cuts)
  },
)

test('with the connections gone silent and new ones possible, the store finds its way', async (t) => {
  const { proxy, store } = await throughProxy(t)
  await Promise.all(Array.from({ length: 50 }, () => callEveryMethod(store, SID)))
  proxy.stall()
  const silent = proxy.connections.size
  const took = await works(store)
  t.diagnostic(`${silent} silent connections, a stall of ${took} ms`)
  await everyMethodSucceeds(store, 'every method on new connections')
})

test('an answer that comes too late reaches no other call', async (t) => {
  const { proxy, store } = await throughProxy(t)
  const sids = Array.from({ length: 40 }, (_, n) => `sid-${n}`)
  // However long it takes the store to find its way again.
  const session = (sid) => newSession({ sid }, 3_600_000)
  await Promise.all(sids.map((sid) => until(() => succeeds(store.set(sid, session(sid))))))
  for (let round = 0; round < 3; round++) {
    proxy.delay = 350
    const slow = sids.map((sid) => store.get(sid))
    await Promise.all(slow.map(succeeds))
    proxy.delay = 0
    proxy.resume()
    for (const sid of sids) {
      assert.equal((await answerOf(() => store.get(sid))).sid, sid)
    }
  }
})

test('a slow network is no failure', async (t) => {
  const { proxy, store, sessions } = await throughProxy(t, { operationTimeout: 10_000 })
  proxy.delay = 60
  const sids = Array.from({ length: 300 }, (_, n) => `sid-${n}`)
  const read = sids.map((sid) => {
    store.set(sid, newSession({ sid }))
    return store.get(sid)
  })
  assert.deepEqual(
    (await Promise.all(read)).map(({ sid }) => sid),
    sids,
  )
  assert.equal(await sessions.countDocuments({ _id: /^sid-/ }), 300)
})

/** What an operation can be busy with when its time is up. */
const PHASES = {
  'choosing a server': async (proxy) => {
    await proxy.refuse()
    proxy.reset()
  },
  connecting: (proxy) => {
    proxy.arrivals = 'stall'
    proxy.reset()
  },
  writing: (proxy) => {
    proxy.arrivals = 'stall'
    proxy.stall(['up'])
  },
  'waiting for the reply': (proxy) => {
    proxy.arrivals = 'stall'
    proxy.stall(['down'])
  },
}

each('operationTimeout covers every phase', PHASES, async (t, begin) => {
  const { proxy, store } = await throughProxy(t)
  await begin(proxy)
  const text = 'x'.repeat(12_000_000)
  const since = Date.now()
  const large = store.set('large', newSession({ text }))
  // These wait for their turn, those on the same session for that of the large one too.
  const queued = Array.from({ length: 2000 }, (_, n) => store.set(`sid-${n % 500}`, newSession()))
  const outcomes = await Promise.allSettled([large, ...queued])
  const took = Date.now() - since
  for (const ended of outcomes) {
    assert.equal(ended.status, 'rejected')
    assertUnreachable(ended.reason, ['large', 'sid-'])
  }
  // Far less than a hang, far more than a busy machine needs to tell of 2000 failures.
  assert.ok(took < 25_000, `${took} ms`)
})

test('a connection that breaks with every attempt is an error with a code', async (t) => {
  const { proxy, store } = await throughProxy(t, { operationTimeout: 20_000 })
  proxy.cutReply(COMMAND, { bytes: 30, times: Infinity })
  for (const [method, ...args] of [['get', SID], ['set', SID, newSession()], ['all']]) {
    const error = await failure(store[method](...args))
    assert.equal(error.code, 'ERR_STORE_CONNECTION', method)
    assertUnreachable(error, [SID])
  }
  proxy.mend()
  await answerOf(() => store.get(SID))
})
