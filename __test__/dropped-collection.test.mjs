// A collection that is dropped while applications run: it comes back with its indexes, and with one document
// for each session.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, newSession, openStore, succeeds, until } from './support.mjs'

/** Waits until the collection has these indexes beside that of `_id`. */
function indexed(sessions, names) {
  return until(async () => {
    // Between the drop and the next document there is none.
    const indexes = await sessions.indexes().catch(() => [])
    return names.every((wanted) => indexes.some(({ name }) => name === wanted))
  }, `the indexes ${names}`)
}

/** The messages of a store's warnings about indexes that had gone. */
const losses = (store) =>
  store.events
    .map(({ value }) => value.message)
    .filter((message) => message.includes('had lost its index'))

/** Drops the collection until a store that goes on has told of it, which it does from its second look on. */
async function lossSeenBy(store, sessions) {
  await until(async () => {
    await store.set('before', newSession({ user: 'ada' }))
    await sessions.drop()
    await store.set(`after-${Math.random()}`, newSession({ user: 'ada' }))
    return succeeds(until(() => losses(store).length > 0, 'the warning', 5000))
  }, 'the warning')
}

test('indexes come back with the next session, and a warning says so', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId: (session) => session.user })
  await store.set('before', newSession({ user: 'ada' }))
  await indexed(sessions, ['expires_1', 'userId_1'])
  await lossSeenBy(store, sessions)
  await indexed(sessions, ['expires_1', 'userId_1'])
  assert.match(losses(store)[0], /'sessions' had lost its index '(expires_1|userId_1)'/)
  assert.ok((await store.sessionsOf('ada')).length > 0)
})

test('with an id field of its own, sessions have one document each after a drop', async (t) => {
  const { uri, sessions } = await database(t)
  const fields = { id: 'sid' }
  const stores = Array.from({ length: 3 }, (_, n) =>
    // Of another address, so that they share no connections.
    openStore(t, { uri: `${uri}${uri.includes('?') ? '&' : '?'}appName=${n}`, fields }),
  )
  for (const store of stores) await lossSeenBy(store, sessions)
  const sids = Array.from({ length: 30 }, (_, n) => `sid-${n}`)
  for (let round = 0; round < 5; round++) {
    await sessions.drop()
    await Promise.all(
      sids.flatMap((sid) => stores.map((store, n) => store.set(sid, newSession({ n })))),
    )
    const found = await sessions.distinct('sid')
    assert.equal(await sessions.countDocuments(), found.length)
    assert.equal(found.length, sids.length)
    assert.ok((await sessions.indexes()).some(({ name, unique }) => name === 'sid_1' && unique))
  }
  const others = stores.flatMap(({ events }) => events).filter(({ name }) => name !== 'warning')
  assert.deepEqual(others, [])
})

test('an index on the ids that is hidden stops no session', async (t) => {
  const { uri, db, sessions } = await database(t)
  const store = openStore(t, { uri, fields: { id: 'sid' } })
  await lossSeenBy(store, sessions)
  await db.command({ collMod: 'sessions', index: { name: 'sid_1', hidden: true } })
  await store.set('after', newSession({ n: 1 }))
  await store.set('after', newSession({ n: 2 }))
  assert.equal((await store.get('after')).n, 2)
  assert.equal(await sessions.countDocuments({ sid: 'after' }), 1)
})
