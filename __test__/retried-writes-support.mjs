// What the tests of writes whose reply is lost share: servers of each kind, a proxy that cuts a reply, and what
// another process writes before the write could come again.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { after } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import { connected, database, load, newSession, openStore, until } from './support.mjs'

/** What a command of this name on the collection contains: the collection's name as its value. */
export const commandOf = (name) => `${name}\0\x09\0\0\0sessions\0`

export const HOUR = 3_600_000

const replicaSet = await startMongod({
  replicaSet: 1,
  args: ['--setParameter', 'enableTestCommands=1'],
})
after(() => replicaSet.stop())

/** Servers of each kind: the port, and a database of the test's own. */
export const DEPLOYMENTS = {
  'a replica set': async (t) => {
    const { port } = replicaSet
    const uri = `mongodb://127.0.0.1:${port}/test_${randomUUID().slice(0, 8)}?directConnection=true`
    const client = await MongoClient.connect(uri)
    t.after(() => client.close())
    return { port, uri, sessions: client.db().collection('sessions') }
  },
  'a standalone': async (t) => {
    const { uri, sessions } = await database(t)
    return { port: Number(new URL(uri).port), uri, sessions }
  },
}

export const USERS = { userId: (session) => session.user }

/** A store behind a proxy, and the collection as another process sees it. */
export async function behindProxy(t, deployment, options) {
  const { port, uri, sessions } = await DEPLOYMENTS[deployment](t)
  const proxy = await startProxy(port)
  t.after(() => proxy.close())
  const store = openStore(t, {
    uri: uri.replace(`:${port}/`, `:${proxy.port}/`),
    operationTimeout: 60_000,
    ...USERS,
    ...options,
  })
  await connected(store)
  // Nothing else is to be on its way when the reply is cut.
  const count = options?.fields ? 4 : 3
  await until(
    async () => (await sessions.indexes().catch(() => [])).length === count,
    'the indexes',
  )
  const stranger = openStore(t, { uri, createTTLIndex: false, ...USERS, ...options })
  return { proxy, store, sessions, stranger }
}

/** Calls the store, has the server carry that out, and somebody else write before it can come again. */
export async function loseReply(proxy, command, call, meanwhile) {
  // Not before: what comes before that command, or is done beside it, may need a connection.
  proxy.cutReply(commandOf(command), { arrivals: 'stall' })
  const ended = call().then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
  await until(() => proxy.cuts === 1, 'the reply')
  await meanwhile()
  proxy.arrivals = 'pass'
  proxy.resume()
  return ended
}

/**
 * For each kind of write: what there is before, the write and its command, what another process does once it
 * has been carried out, and what is to be there in the end.
 */
export const WRITES = {
  'a save': {
    command: 'update',
    write: (store) => store.set('sid', newSession({ n: 1 })),
    meanwhile: ({ stranger }) => stranger.set('sid', newSession({ n: 2 })),
    check: async ({ sessions }) => assert.equal((await sessions.findOne()).session.n, 2),
  },
  'a saved difference': {
    command: 'update',
    before: (store) => store.set('sid', newSession({ n: 0 })),
    write: async (store) => {
      const session = await load(store)
      session.n = 1
      return () => store.set('sid', session)
    },
    meanwhile: async ({ stranger }) => {
      const session = await load(stranger)
      assert.equal(session.n, 1)
      session.n = 2
      await stranger.set('sid', session)
    },
    check: async ({ sessions }) => assert.equal((await sessions.findOne()).session.n, 2),
  },
  'a new session that is then destroyed': {
    command: 'update',
    write: (store) => store.set('sid', newSession()),
    meanwhile: ({ stranger }) => stranger.destroy('sid'),
    check: async ({ sessions }) => assert.equal(await sessions.countDocuments(), 0),
  },
  'a touch with another cookie': {
    command: 'update',
    before: (store) => store.set('sid', newSession()),
    write: async (store) => {
      const session = await load(store)
      session.cookie.maxAge = HOUR
      return () => store.touch('sid', session)
    },
    meanwhile: ({ stranger }) => stranger.set('sid', newSession({ n: 2 }, 2 * HOUR)),
    check: async ({ sessions }) => {
      const { session } = await sessions.findOne()
      assert.equal(session.cookie.originalMaxAge, 2 * HOUR)
    },
  },
  'an update': {
    command: 'update',
    before: (store) => store.set('sid', newSession({ n: 0 })),
    write: (store) => store.update('sid', (session) => void session.n++),
    meanwhile: async ({ stranger }) => {
      await stranger.update('sid', (session) => void (session.n += 10))
      // It would be carried out anew where the document is as it was.
      await stranger.update('sid', (session) => void (session.n -= 11))
    },
    check: async ({ sessions }) => assert.equal((await sessions.findOne()).session.n, 0),
  },
  'a log-in that ends another one': {
    command: 'delete',
    options: { maxPerUser: 1 },
    before: (store) => store.set('old', newSession({ user: 'ada' })),
    write: (store) => store.set('sid', newSession({ user: 'ada' })),
    meanwhile: ({ stranger }) => stranger.set('old', newSession({ user: 'bob' })),
    check: async ({ sessions }) =>
      assert.deepEqual((await sessions.distinct('userId')).sort(), ['ada', 'bob']),
  },
  'a destroy before a new session': {
    command: 'delete',
    before: (store) => store.set('sid', newSession({ n: 0 })),
    write: (store) => store.destroy('sid'),
    meanwhile: ({ stranger }) => stranger.set('sid', newSession({ n: 2 })),
    check: async ({ sessions }) => assert.equal((await sessions.findOne())?.session.n, 2),
  },
  'a flag before a new session': {
    command: 'update',
    options: { deleteFlags: true },
    before: (store) => store.set('sid', newSession({ n: 0 })),
    write: (store) => store.destroy('sid'),
    meanwhile: async ({ sessions, stranger }) => {
      await sessions.deleteOne({ _id: 'sid' })
      await stranger.set('sid', newSession({ n: 2 }))
    },
    check: async ({ sessions }) => assert.equal((await sessions.findOne()).deleted, undefined),
  },
}

/** Writes about any number of documents. */
export const MULTI = {
  'a log-out everywhere before a log-in': {
    command: 'delete',
    before: (store) => store.set('old', newSession({ user: 'ada' })),
    write: (store) => store.destroyByUser('ada'),
    meanwhile: ({ stranger }) => stranger.set('new', newSession({ user: 'ada' })),
    check: async ({ sessions }) => assert.deepEqual(await sessions.distinct('_id'), ['new']),
  },
  'a clear before a new session': {
    command: 'delete',
    before: (store) => store.set('old', newSession()),
    write: (store) => store.clear(),
    meanwhile: ({ stranger }) => stranger.set('new', newSession()),
    check: async ({ sessions }) => assert.deepEqual(await sessions.distinct('_id'), ['new']),
  },
}

export async function lose(t, deployment, { command, options, before, write, meanwhile, check }) {
  const env = await behindProxy(t, deployment, options)
  await before?.(env.store)
  const prepared = write.constructor.name === 'AsyncFunction' ? await write(env.store) : null
  const call = prepared ?? (() => write(env.store))
  const ended = await loseReply(env.proxy, command, call, () => meanwhile(env))
  await check(env)
  return ended
}

/** Tests of the same promise, which mostly wait, at once. */
export function each(title, cases, body) {
  test(title, { concurrency: true }, async (t) => {
    const named = Object.entries(cases)
    await Promise.all(named.map(([name, value]) => t.test(name, (t) => body(t, value))))
  })
}
