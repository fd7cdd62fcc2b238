// Saves that are not awaited: what a new session's second save does is decided when the first has settled.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { MemoryStore } from 'express-session'
import { visitorOf } from './parallel-support.mjs'
import {
  database,
  driver,
  failure,
  newSession,
  onBothEngines,
  openStore,
  ownMongod,
  succeeds,
  until,
} from './support.mjs'

const userId = (session) => session.user

/** What ends a user's session in the same store, and has to end what was saved before. */
const ENDS = {
  destroyByUser: (store) => store.destroyByUser('ada'),
  destroyMany: (store) => store.destroyMany({ user: 'ada' }),
  'flagDeletion and cleanup': async (store) => {
    store.flagDeletion('sid')
    await store.cleanup()
  },
  'flags of all and cleanup': async (store) => {
    store.flagDeletion(null)
    await store.cleanup()
  },
}

const slowly = (change) => async (text) => {
  await setTimeout(5)
  return change(text)
}

const STORES = {
  'nothing else': {},
  'a limit': { maxPerUser: 3 },
  'encryption and hashed ids': { encryption: { keys: [Buffer.alloc(32, 1)] }, hashIds: true },
  'names of its own': { prefix: 'app:', fields: { id: 'key', session: 'data', deleted: 'gone' } },
  'whole saves': { save: 'replace' },
  flags: { deleteFlags: true },
  'times of creation': { timestamps: true, absoluteTimeout: 1e6, device: true },
  'a previous store': { previousStore: new MemoryStore() },
  'a form of its own': {
    hidden: true,
    serialize: (session) => ({ text: JSON.stringify(session) }),
    unserialize: ({ text }) => JSON.parse(text),
  },
  'a slow adapter': {
    hidden: true,
    cryptoAdapter: {
      encrypt: slowly((text) => `x${text}`),
      decrypt: slowly((text) => text.slice(1)),
    },
  },
}

for (const [how, end] of Object.entries(ENDS)) {
  for (const [what, { hidden, ...options }] of Object.entries(STORES)) {
    // Nobody finds such sessions by what they hold.
    if (how === 'destroyMany' && (hidden || options.encryption)) continue
    const title = `a new session stays ended after ${how} between two saves, with ${what}`
    onBothEngines(test, title, async (t, open) => {
      const store = open({ userId, ...options })
      const session = store.createSession({ sessionID: 'sid' }, newSession({ user: 'ada' }))
      const calls = [store.set('sid', session), end(store)]
      session.step = 2
      await Promise.all([...calls, store.set('sid', session)])
      assert.equal(await store.get('sid'), null)
      assert.deepEqual(store.events, [{ name: 'discard', value: 'sid' }])
    })
  }
}

test('a log-in that does not wait for its save stays ended where another process ends it', async (t) => {
  const { uri, sessions } = await database(t)
  const [store, other] = [openStore(t, { uri, userId }), openStore(t, { uri, userId })]
  const visitor = await visitorOf(t, store)
  let ended = 0
  for (let round = 0; round < 40; round++) {
    visitor.browser.cookies.clear()
    let count
    await visitor.request(async (req) => {
      req.session.user = 'ada'
      req.session.save()
      count = other.destroyByUser('ada')
      if (round % 2 === 0) await count
      req.session.step = 2
    })
    if ((await count) === 0) await store.destroy(visitor.sid)
    else ended++
    assert.equal(await sessions.countDocuments(), 0)
  }
  t.diagnostic(`${ended} of 40 were there to be ended`)
})

onBothEngines(
  test,
  'saves that nobody waits for are carried out in their order',
  async (t, open) => {
    const store = open()
    const session = store.createSession({ sessionID: 'sid' }, newSession({ step: 0 }))
    const calls = []
    for (let step = 1; step <= 5; step++) {
      session.step = step
      calls.push(store.set('sid', session), store.get('sid'))
    }
    const answers = await Promise.all(calls)
    assert.deepEqual(
      answers.filter(Boolean).map(({ step }) => step),
      [1, 2, 3, 4, 5],
    )
  },
)

test('after a first save whose outcome is not known, a missing session has ended', async (t) => {
  const mongod = await ownMongod(t, { args: ['--setParameter', 'enableTestCommands=1'] })
  const client = await driver(t, mongod.uri)
  const sessions = client.db().collection('sessions')
  const store = openStore(t, { uri: mongod.uri, operationTimeout: 1000 })
  await until(() => succeeds(store.set('other', newSession())), 'the server')
  await client.db('admin').command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: ['update'], blockConnection: true, blockTimeMS: 2000 },
  })
  const session = store.createSession({ sessionID: 'sid' }, newSession({ step: 1 }))
  const first = failure(store.set('sid', session))
  session.step = 2
  const second = failure(store.set('sid', session))
  assert.equal((await first).code, 'ERR_STORE_TIMEOUT')
  await second
  await until(async () => (await sessions.countDocuments({ _id: 'sid' })) === 1, 'the late save')
  await sessions.deleteOne({ _id: 'sid' })
  session.step = 3
  // So short a time may run out on a busy machine.
  await until(() => succeeds(store.set('sid', session)), 'a save in time')
  assert.equal(await sessions.countDocuments({ _id: 'sid' }), 0)
  assert.deepEqual(store.events.at(-1), { name: 'discard', value: 'sid' })
})

test('a new session that the server has refused is created by its next save', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ 'session.seat': 1 }, { unique: true, sparse: true })
  const store = openStore(t, { uri })
  await store.set('other', newSession({ seat: 1 }))
  const session = store.createSession({ sessionID: 'sid' }, newSession({ seat: 1 }))
  const first = failure(store.set('sid', session))
  session.seat = 2
  const second = store.set('sid', session)
  assert.equal((await first).code, 'ERR_STORE_SERVER')
  await second
  assert.equal((await store.get('sid')).seat, 2)
})
