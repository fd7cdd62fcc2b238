// Writes whose reply is lost: on a replica set they come again and are carried out once, on a standalone
// they do not come again where that could undo what somebody else has written.
import assert from 'node:assert/strict'
import test from 'node:test'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import {
  DEPLOYMENTS,
  HOUR,
  MULTI,
  USERS,
  WRITES,
  behindProxy,
  commandOf,
  each,
  lose,
  loseReply,
} from './retried-writes-support.mjs'
import { connected, failure, load, newSession, openStore, succeeds, until } from './support.mjs'
import { watchCommands } from './wire.mjs'

const UNKNOWN = /whether the write was carried out is not known/

const ALL = { ...WRITES, ...MULTI }

each('on a replica set a write comes again and is carried out once', ALL, async (t, kind) => {
  const { error } = await lose(t, 'a replica set', kind)
  assert.equal(error, undefined)
})

/** In a field of their own, which need not be unique, ids may have several documents. */
const OWN_ID = Object.fromEntries(
  Object.entries(MULTI).map(([name, kind]) => [
    `${name}, by an id field of its own`,
    {
      ...kind,
      options: { fields: { id: 'sid' } },
      check: async ({ sessions }) => assert.deepEqual(await sessions.distinct('sid'), ['new']),
    },
  ]),
)

for (const [deployment, kinds] of [
  ['a standalone', ALL],
  ['a replica set', OWN_ID],
]) {
  const title = `on ${deployment} a write does not come again that it would not know, and says so`
  each(title, kinds, async (t, kind) => {
    const { error } = await lose(t, deployment, kind)
    assert.equal(error.code, 'ERR_STORE_CONNECTION')
    assert.match(error.message, UNKNOWN)
    assert.ok(error.cause instanceof Error)
  })
}

for (const deployment of Object.keys(DEPLOYMENTS)) {
  test(`a touch comes again on ${deployment}, and takes no time from a session`, async (t) => {
    const env = await behindProxy(t, deployment)
    const { proxy, store, stranger, sessions } = env
    await store.set('sid', newSession())
    const later = newSession({}, 2 * HOUR)
    const touch = () => store.touch('sid', newSession({}, HOUR))
    const { error } = await loseReply(proxy, 'update', touch, () => stranger.touch('sid', later))
    assert.equal(error, undefined)
    assert.deepEqual((await sessions.findOne()).expires, later.cookie._expires)
  })

  test(`a touch beside a save comes again on ${deployment}`, async (t) => {
    const { proxy, store, sessions } = await behindProxy(t, deployment)
    for (const sid of ['a', 'b', 'c']) await store.set(sid, newSession({ n: 0 }))
    // Two commands may be on their way; what is called behind them leaves as one.
    const later = newSession({}, HOUR)
    proxy.cutReply(commandOf('update'), { times: 2 })
    const calls = [
      store.set('a', newSession({ n: 1 })),
      store.touch('b', later),
      store.set('c', newSession({ n: 1 })),
    ]
    const [, touched] = await Promise.allSettled(calls)
    assert.equal(touched.status, 'fulfilled')
    assert.deepEqual((await sessions.findOne({ _id: 'b' })).expires, later.cookie._expires)
  })

  test(`a cleanup comes again on ${deployment}`, async (t) => {
    const { proxy, store, sessions } = await behindProxy(t, deployment, { deleteFlags: true })
    await store.set('sid', newSession())
    await store.destroy('sid')
    proxy.cutReply(commandOf('delete'))
    await store.cleanup()
    assert.equal(proxy.cuts, 1)
    assert.equal(await sessions.countDocuments(), 0)
  })
}

/** By the step of a renewal whose reply is lost, what a request holds that no earlier step does. */
const RENEWAL = {
  'that places the copy': '\x02renewedFrom\0',
  'by which the old id leads there': '\x02renewedTo\0',
  'that reveals the copy': '\x10deleted\0',
}

for (const deployment of Object.keys(DEPLOYMENTS)) {
  each(`a renewal whose reply is lost goes on, on ${deployment}`, RENEWAL, async (t, text) => {
    const env = await behindProxy(t, deployment, { deleteFlags: true })
    const { proxy, store, stranger, sessions } = env
    await store.set('old', newSession({ user: 'ada' }))
    const req = { sessionID: 'old', sessionStore: store }
    store.createSession(req, await store.get('old'))
    store.generate = (own) => (own.sessionID = 'new')
    proxy.cutReply(text)
    assert.equal(await store.renew(req), true)
    assert.equal(proxy.cuts, 1)
    assert.equal(req.sessionID, 'new')
    for (const sid of ['new', 'old']) assert.equal((await stranger.get(sid)).user, 'ada')
    assert.deepEqual(await sessions.distinct('_id', { deleted: { $ne: true } }), ['new'])
  })
}

test('what the server has refused to begin comes again, numbered or not', async (t) => {
  const { uri, sessions } = await DEPLOYMENTS['a replica set'](t)
  const store = await connected(openStore(t, { uri: `${uri}&appName=refused` }))
  await store.set('sid', newSession())
  await sessions.db.admin().command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: ['delete'], errorCode: 10_107, appName: 'refused' },
  })
  await store.clear()
  assert.equal(await sessions.countDocuments(), 0)
})

/** A store whose commands are watched. */
async function watchedStore(t, deployment, options, query = '') {
  const { port, uri, sessions } = await DEPLOYMENTS[deployment](t)
  const watch = await watchCommands(t, port)
  const through = uri.replace(`:${port}/`, `:${watch.port}/`)
  const separator = through.includes('?') ? '&' : '?'
  const store = openStore(t, { uri: `${through}${separator}${query}`, ...options })
  return { store, sessions, commands: watch.commands }
}

const WRITE_COMMANDS = ['update', 'delete']

async function writeEverything(store) {
  await store.set('sid', newSession({ user: 'ada' }))
  const session = await load(store)
  session.n = 1
  await Promise.all([store.set('sid', session), store.set('other', newSession())])
  await store.touch('sid', newSession())
  await store.flagDeletion('other')
  await store.destroy('sid')
  await store.set('sid', newSession({ user: 'ada' }))
  // With a limit, it ends the one before.
  await store.set('next', newSession({ user: 'ada' }))
  await store.destroyByUser('ada')
  await store.set('sid', newSession())
  await store.cleanup()
  await store.clear()
}

const isMulti = ({ updates, deletes }) =>
  updates ? updates.some(({ multi }) => multi) : deletes.some(({ limit }) => limit === 0)

test('on a replica set every write carries a transaction number, those about many documents, too', async (t) => {
  const { store, commands, sessions } = await watchedStore(t, 'a replica set', {
    ...USERS,
    maxPerUser: 1,
  })
  await writeEverything(store)
  const sids = Array.from({ length: 200 }, (_, n) => `sid-${n}`)
  await Promise.all(sids.map((sid) => store.set(sid, newSession())))
  await store.close()
  const writes = commands.filter((command) => WRITE_COMMANDS.includes(Object.keys(command)[0]))
  const [multi, single] = [writes.filter(isMulti), writes.filter((write) => !isMulti(write))]
  assert.deepEqual(multi, [])
  assert.ok(single.length >= 5)
  const last = new Map()
  for (const { lsid, txnNumber } of single) {
    const id = lsid.id.toString('hex')
    assert.ok(txnNumber > (last.get(id) ?? 0), 'the numbers of a logical session rise')
    last.set(id, txnNumber)
  }
  // The server knows them by these, and has been told that they are done with.
  const client = sessions.db.client
  const known = await client.db('config').collection('transactions').distinct('_id.id')
  const ids = new Set(known.map((id) => id.toString('hex')))
  assert.ok([...last.keys()].every((id) => ids.has(id)))
  // One that a command has only just given back may miss its farewell, and ends by itself.
  await until(() => {
    const ended = commands.filter(({ endSessions }) => endSessions)
    const told = ended.flatMap(({ endSessions }) => endSessions.map(({ id }) => id.toString('hex')))
    return [...last.keys()].some((id) => told.includes(id))
  }, 'the end of logical sessions')
})

for (const [name, deployment, query] of [
  ['a standalone is sent no transaction numbers', 'a standalone', ''],
  ['retryWrites=false sends no transaction numbers', 'a replica set', 'retryWrites=false'],
]) {
  test(name, async (t) => {
    const { store, commands } = await watchedStore(t, deployment, USERS, query)
    await writeEverything(store)
    assert.deepEqual(
      commands.filter(({ txnNumber }) => txnNumber !== undefined),
      [],
    )
  })
}

test('a write that comes again is the same to the last byte', async (t) => {
  const { port, uri } = await DEPLOYMENTS['a replica set'](t)
  const proxy = await startProxy(port)
  t.after(() => proxy.close())
  const { port: watched, commands } = await watchCommands(t, proxy.port)
  const through = uri.replace(`:${port}/`, `:${watched}/`)
  const store = await connected(openStore(t, { uri: through, createTTLIndex: false }))
  await store.set('before', newSession())
  commands.length = 0
  proxy.cutReply(commandOf('update'))
  await store.set('sid', newSession())
  const [first, second, ...others] = commands.filter(({ update }) => update)
  assert.deepEqual(others, [])
  assert.ok(first.txnNumber > 0)
  for (const command of [first, second]) delete command.$clusterTime
  assert.deepEqual(second, first)
})

test('a write that another client holds up, and that is given up, is in nobody’s way', async (t) => {
  const { uri, sessions } = await DEPLOYMENTS['a replica set'](t)
  // All that the others have: a busy machine needs some of it.
  const store = openStore(t, { uri, operationTimeout: 2000, createTTLIndex: false })
  await connected(store)
  // What is in the way is so each time, a machine that stands still is not.
  await until(async () => {
    await until(() => succeeds(store.set('held', newSession())), 'the session')
    const holder = sessions.db.client.startSession()
    t.after(() => holder.endSession())
    holder.startTransaction()
    await sessions.updateOne({ _id: 'held' }, { $set: { held: true } }, { session: holder })
    assert.equal((await failure(store.set('held', newSession()))).code, 'ERR_STORE_TIMEOUT')
    // Until it is given up, and some time behind that.
    const end = Date.now() + 3000
    let slow = 0
    for (let n = 0; Date.now() < end; n++) {
      if (!(await succeeds(store.set(`other-${n}`, newSession())))) slow++
    }
    await holder.abortTransaction()
    return slow === 0
  }, 'writes that nobody holds up')
})
