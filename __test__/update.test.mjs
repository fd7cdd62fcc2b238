// update and take: changes of a session that no other change undoes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { KEY, reversing } from './encryption-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import { connected, database, failure, isLong, load, newSession, onBothEngines, openStore, runProgram, until } from './support.mjs' // prettier-ignore

const HOUR_MS = 3_600_000

/** How fast it is, other tests say: a busy machine takes long for a thousand. */
const PATIENTLY = { timeout: 500_000 }

const count = (session) => {
  session.count = (session.count ?? 0) + 1
}

/** As it stands in the database, but for what this package may decide. */
const stored = async (sessions) => (await sessions.findOne())?.session

const INCREMENTS = isLong ? 1000 : 200

test(`of ${INCREMENTS} parallel increments of two processes all are kept`, async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ other: 'kept', count: 0 }, HOUR_MS))
  const program = `
    const store = new MongoSessionStore({ uri: ${JSON.stringify(uri)}, operationTimeout: 500_000 })
    const count = (session) => void session.count++
    await Promise.all(Array.from({ length: ${INCREMENTS / 2} }, () => store.update('sid', count)))
    await store.close()
  `
  const ends = await Promise.all([runProgram(program, PATIENTLY), runProgram(program, PATIENTLY)])
  for (const { code, stderr } of ends) assert.equal(code, 0, stderr)
  const { count: kept, other } = await store.get('sid')
  assert.deepEqual([kept, other], [INCREMENTS, 'kept'])
})

test('a token is taken once, by whichever process is first', async (t) => {
  const { uri } = await database(t)
  const stores = Array.from({ length: 4 }, () => openStore(t, { uri }))
  for (let round = 0; round < 10; round++) {
    await stores[0].set('sid', newSession({ token: { of: 'one use' }, other: round }))
    const takes = stores.flatMap((store) => [
      store.take('sid', 'token'),
      store.take('sid', 'token'),
    ])
    const taken = (await Promise.all(takes)).filter((token) => token !== undefined)
    assert.deepEqual(taken, [{ of: 'one use' }])
    const { token, other } = await stores[1].get('sid')
    assert.deepEqual([token, other], [undefined, round])
  }
})

test('a token that was taken is not taken once more when the session has ended meanwhile', async (t) => {
  const { uri } = await database(t)
  let release
  const released = new Promise((resolve) => (release = resolve))
  let reads = 0
  const slow = {
    ...reversing,
    async decrypt(text) {
      reads++
      await released
      return reversing.decrypt(text)
    },
  }
  const store = openStore(t, { uri, cryptoAdapter: slow })
  const other = openStore(t, { uri, cryptoAdapter: reversing })
  await other.set('sid', newSession({ token: 'of one use' }))
  const late = store.take('sid', 'token')
  await until(() => reads === 1, 'the read of the late one')
  assert.equal(await other.take('sid', 'token'), 'of one use')
  await other.destroy('sid')
  release()
  assert.equal(await late, undefined)
})

const WAYS = {
  'nothing else': {},
  hashIds: { hashIds: true, prefix: 'app:' },
  encryption: { encryption: { keys: [KEY] } },
  decryptOnly: { encryption: { keys: [KEY], acceptUnencrypted: true, decryptOnly: true } },
  stringify: { stringify: true },
  cryptoAdapter: {
    cryptoAdapter: {
      encrypt: async (text) => Buffer.from(text).toString('base64'),
      decrypt: async (text) => Buffer.from(text, 'base64').toString(),
    },
  },
  serialize: {
    serialize: (data) => ({ ...data, x: 1 }),
    unserialize: ({ x: _x, ...data }) => data,
  },
  "save: 'replace'": { save: 'replace' },
  deleteFlags: { deleteFlags: true },
  userId: { userId: (session) => session.user, maxPerUser: 2, device: true },
  fields: { fields: { id: 'sid', session: 'data', expires: 'until' } },
  absoluteTimeout: { absoluteTimeout: 3_600_000, timestamps: true },
}

for (const [name, options] of Object.entries(WAYS)) {
  onBothEngines(
    test,
    `parallel updates are all kept, with ${name}`,
    async (t, open, { engine }) => {
      const store = open(options)
      const other = engine === 'memory' ? store : open(options)
      await store.set('sid', newSession({ user: 'ada', 'a.b': [1, { $c: null }] }))
      const updates = Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? store : other).update('sid', count),
      )
      const sessions = await Promise.all(updates)
      assert.deepEqual(
        sessions.map((session) => session.count).sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, at) => at + 1),
      )
      const session = await store.get('sid')
      assert.deepEqual(
        [session.count, session.user, session['a.b']],
        [20, 'ada', [1, { $c: null }]],
      )
      assert.equal(await other.take('sid', 'count'), 20)
      assert.equal(await store.take('sid', 'count'), undefined)
      await store.destroy('sid')
      assert.equal(await store.update('sid', count), null)
      assert.equal(await store.take('sid', 'user'), undefined)
      assert.equal(await store.length(), 0)
    },
  )
}

test('every kind of value survives', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const values = { date: new Date(5), bytes: Buffer.from('ä'), big: 2n ** 60n, nan: NaN, zero: -0, list: [null, [1.5]] } // prettier-ignore
  await store.set('sid', newSession(values))
  const before = await stored(sessions)
  await store.update('sid', count)
  const { count: one, ...rest } = await stored(sessions)
  assert.equal(one, 1)
  assert.deepEqual(rest, before)
})

test('what another program has stored is changed, however it is stored', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const expires = new Date(Date.now() + 60_000)
  await sessions.insertOne({
    _id: 'text',
    expires,
    session: JSON.stringify({ cookie: {}, count: 1 }),
  })
  await sessions.insertOne({
    _id: 'odd',
    expires,
    session: { count: 1.5, $a: 1, cookie: { expires } },
  })
  assert.equal((await store.update('text', count)).count, 2)
  assert.equal((await store.get('text')).count, 2)
  assert.equal((await store.update('odd', count)).count, 2.5)
  assert.equal((await sessions.findOne({ _id: 'odd' })).session.$a, 1)
})

onBothEngines(test, 'a save of the request beside it does not undo an update', async (t, open) => {
  const store = open()
  const visitor = await visitorOf(t, store)
  const sid = await visitor.login({ count: 1 })
  await visitor.request(async ({ session }) => {
    await store.update(sid, count)
    session.other = true
  })
  assert.deepEqual(await visitor.data(), { count: 2, other: true })
})

onBothEngines(test, 'an update keeps the expiry, unless it changes the cookie', async (t, open) => {
  const store = open({ ttl: () => 50_000 })
  await store.set('sid', newSession())
  const [{ expires }] = await store.entries()
  await new Promise((resolve) => setTimeout(resolve, 5))
  await store.update('sid', count)
  assert.deepEqual((await store.entries())[0].expires, expires)
  await store.update('sid', (session) => {
    session.cookie.originalMaxAge = 5
  })
  assert.ok((await store.entries())[0].expires > expires)
})

onBothEngines(test, 'a session that is destroyed during an update stays so', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  let destroyed
  const session = await store.update('sid', () => {
    destroyed = store.destroy('sid')
  })
  await destroyed
  assert.equal(session, null)
  assert.equal(await store.get('sid'), null)
})

test('one that is flagged by another process during an update stays so', async (t) => {
  const { uri, sessions } = await database(t)
  const [store, other] = [openStore(t, { uri }), openStore(t, { uri, deleteFlags: true })]
  await store.set('sid', newSession())
  let flagged
  // The function may not wait, but what is called in it is on its way.
  const update = store.update('sid', (session) => {
    flagged ??= other.destroy('sid')
    count(session)
  })
  await flagged
  await update
  await until(async () => (await sessions.findOne()).deleted, 'the flag')
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.update('sid', count), null)
})

test('who is always late gives up, with a code', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession())
  let calls = 0
  // A program that changes the session whenever it has been read.
  const changes = []
  const update = store.update('sid', (session) => {
    calls++
    changes.push(sessions.updateOne({}, { $set: { 'session.other': calls } }))
    session.mine = true
  })
  const outcome = await update.then(() => 'kept', (error) => error.code) // prettier-ignore
  await Promise.all(changes)
  // Each of both is the first now and then.
  assert.ok(['kept', 'ERR_STORE_CONFLICT', 'ERR_STORE_TIMEOUT'].includes(outcome), outcome)
  if (outcome === 'ERR_STORE_CONFLICT') assert.equal(calls, 100)
  assert.equal((await store.get('sid')).other, calls)
})

onBothEngines(test, 'events tell of an update as of a save', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const events = []
  for (const name of ['create', 'update', 'set']) store.on(name, (sid) => events.push([name, sid]))
  await store.update('sid', count)
  await store.take('sid', 'count')
  await store.take('sid', 'count')
  await until(() => events.length === 4, 'the events')
  assert.deepEqual(events, [['update', 'sid'], ['set', 'sid'], ['update', 'sid'], ['set', 'sid']]) // prettier-ignore
})

onBothEngines(test, 'callbacks get what promises do, and close waits', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ token: 't' }))
  const call = (method, ...args) =>
    new Promise((resolve, reject) =>
      store[method](...args, (error, value) => (error ? reject(error) : resolve(value))),
    )
  assert.equal((await call('update', 'sid', count)).count, 1)
  assert.equal(await call('take', 'sid', 'token'), 't')
  const last = store.update('sid', count)
  await store.close()
  assert.equal((await last).count, 2)
  for (const late of [store.update('sid', count), store.take('sid', 'token')]) {
    assert.equal((await failure(late)).code, 'ERR_STORE_CLOSED')
  }
})

onBothEngines(
  test,
  'what cannot be meant is refused, and what a function throws is passed on',
  async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ kept: 1 }))
    const refused = [
      () => store.update('sid'),
      () => store.update('sid', { count: 1 }),
      () => store.update({ $ne: '' }, count),
      () => store.update('sid', async () => {}),
      () => store.update('sid', () => Promise.reject(new Error('not told'))),
      () => store.take('sid'),
      () => store.take('sid', 'cookie'),
      () => store.take('sid', { $ne: '' }),
    ]
    for (const call of refused) assert.ok((await failure(call())) instanceof TypeError)
    const mine = new RangeError('mine')
    const thrower = () => {
      throw mine
    }
    assert.equal(await failure(store.update('sid', thrower)), mine)
    const session = await store.get('sid')
    assert.deepEqual([session.kept, session.count], [1, undefined])
    // Whoever comes behind one that has failed has a turn all the same.
    assert.equal((await store.update('sid', count)).count, 1)
    await load(store)
  },
)

onBothEngines(test, 'what update and take read is no get of the application', async (t, open) => {
  const store = open()
  const heard = []
  store.on('get', (sid) => heard.push(sid))
  await store.set('sid', newSession({ token: 'once' }))
  await store.update('sid', count)
  await store.update('gone', count)
  assert.equal(await store.take('sid', 'token'), 'once')
  assert.deepEqual(heard, [])
  const { calls, hits, misses, latency } = store.stats()
  assert.deepEqual([calls.get.succeeded, hits, misses, latency.get.count], [0, 0, 0, 0])
  await store.get('sid')
  assert.deepEqual([heard, store.stats().latency.get.count], [['sid'], 1])
})

test('an update or take that fails says which of them', async (t) => {
  const proxy = await startProxy(Number(new URL((await database(t)).uri).port))
  t.after(() => proxy.close())
  const store = await connected(openStore(t, { uri: proxy.uri, operationTimeout: 500 }))
  proxy.stall()
  proxy.arrivals = 'stall'
  const calls = { update: store.update('sid', count), take: store.take('sid', 'token') }
  for (const [name, call] of Object.entries(calls)) {
    assert.match((await failure(call)).message, new RegExp(`^${name} timed out`))
  }
  proxy.arrivals = 'pass'
  proxy.reset()
})
