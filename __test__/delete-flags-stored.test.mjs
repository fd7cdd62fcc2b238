// What deleteFlags, flagDeletion and cleanup leave in the collection, and when MongoDB deletes it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, driver, newSession, openStore, ownMongod, until } from './support.mjs'

const HOUR = 3_600_000

/** Whether a moment lies `milliseconds` after the time that `action` took. */
async function assertMoved(action, milliseconds, expires) {
  const before = Date.now()
  await action()
  const after = Date.now()
  const moment = (await expires()).getTime()
  assert.ok(moment >= before + milliseconds && moment <= after + milliseconds, String(moment))
}

for (const [title, options, grace] of [
  ['an hour by default', {}, HOUR],
  ['deleteGrace', { deleteGrace: 5000 }, 5000],
  ['0 as deleteGrace', { deleteGrace: 0 }, 0],
]) {
  test(`a flag gives a session ${title} until MongoDB deletes it`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, deleteFlags: true, ...options })
    const expires = async () => (await sessions.findOne({ _id: 'sid' })).expires
    for (const flag of [
      () => store.flagDeletion('sid'),
      () => store.flagDeletion(null),
      () => store.destroy('sid'),
      () => store.clear(),
    ]) {
      await sessions.deleteMany()
      await store.set('sid', newSession({ user: 'ada' }, 10 * HOUR))
      await assertMoved(flag, grace, expires)
    }
  })
}

test('a flag adds one field and leaves the session as it is', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ user: 'ada' }))
  const { expires: _, ...before } = await sessions.findOne({ _id: 'sid' })
  await store.flagDeletion('sid')
  const { expires, ...after } = await sessions.findOne({ _id: 'sid' })
  assert.ok(expires instanceof Date)
  assert.deepEqual(after, { ...before, deleted: true })
})

test('a flag is not put off by later flags, saves or touches', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, deleteFlags: true })
  await store.set('sid', newSession({ user: 'ada' }))
  await store.flagDeletion('sid')
  const flagged = await sessions.findOne({ _id: 'sid' })
  const late = newSession({ late: true }, 10 * HOUR)
  await store.set('sid', late)
  await store.touch('sid', late)
  await store.destroy('sid')
  await store.flagDeletion(null)
  await store.clear()
  assert.deepEqual(await sessions.findOne({ _id: 'sid' }), flagged)
})

test('a session that was never flagged has no field for it', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, deleteFlags: true })
  await store.set('sid', newSession())
  await store.touch('sid', newSession())
  assert.deepEqual(Object.keys(await sessions.findOne()).sort(), ['_id', 'expires', 'session'])
})

test('flagDeletion of null and cleanup act on the own prefix only', async (t) => {
  const { uri, sessions } = await database(t)
  const [a, b, all] = ['a:', 'b:', ''].map((prefix) => openStore(t, { uri, prefix }))
  for (const store of [a, b]) for (const sid of ['1', '2']) await store.set(sid, newSession())
  assert.equal(await a.flagDeletion(null), 2)
  assert.equal(await b.length(), 2)
  assert.equal(await b.flagDeletion('1'), 1)
  assert.equal(await a.cleanup(), 2)
  const ids = (await sessions.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)
  assert.deepEqual(ids, ['b:1', 'b:2'])
  assert.equal(await all.flagDeletion(null), 1)
  assert.equal(await all.cleanup(), 2)
})

test('clear with deleteFlags flags the own prefix only', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, prefix: 'a:', deleteFlags: true })
  const other = openStore(t, { uri, prefix: 'b:' })
  await store.set('sid', newSession())
  await other.set('sid', newSession())
  await store.clear()
  assert.equal(await store.length(), 0)
  assert.equal(await other.length(), 1)
  assert.equal(await sessions.countDocuments({ deleted: true }), 1)
})

test('clear without deleteFlags deletes flagged sessions too', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', newSession())
  await store.flagDeletion('sid')
  await store.clear()
  assert.equal(await sessions.countDocuments(), 0)
})

test('a flag that another program sets counts as well', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, deleteFlags: true })
  await store.set('sid', newSession())
  await sessions.updateOne({ _id: 'sid' }, { $set: { deleted: true } })
  assert.equal(await store.get('sid'), null)
  await store.set('sid', newSession())
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.cleanup(), 1)
})

test('two stores count a session that both flag once', async (t) => {
  const { uri } = await database(t)
  const stores = [openStore(t, { uri }), openStore(t, { uri })]
  const sids = Array.from({ length: 50 }, (_, n) => `sid${n}`)
  await Promise.all(sids.map((sid) => stores[0].set(sid, newSession())))
  const counts = await Promise.all(
    sids.flatMap((sid) => stores.map((store) => store.flagDeletion(sid))),
  )
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    sids.length,
  )
})

test('MongoDB deletes flagged sessions by itself once deleteGrace is over', async (t) => {
  const mongod = await ownMongod(t, { args: ['--setParameter', 'ttlMonitorSleepSecs=1'] })
  const client = await driver(t, mongod.uri)
  const sessions = client.db().collection('sessions')
  const store = openStore(t, { uri: mongod.uri, deleteFlags: true, deleteGrace: 500 })
  for (const sid of ['gone', 'here']) await store.set(sid, newSession({}, HOUR))
  await store.destroy('gone')
  assert.equal(await store.get('gone'), null)
  await until(async () => (await sessions.countDocuments()) === 1, 'the TTL monitor')
  assert.notEqual(await store.get('here'), null)
  // Nobody holds the id any more, and it is not in use.
  assert.equal(await store.cleanup(), 0)
})
