// A unique index of the application refuses a save: that is an error, with flags as without.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, failure, load, newSession, openStore } from './support.mjs'

const SEAT = 'seat-of-somebody-else'

const STORES = {
  'without flags': {},
  'with delete flags': { deleteFlags: true },
  'after a flag': { flags: true },
  'with delete flags and an id field of its own': { deleteFlags: true, fields: { id: 'key' } },
  'after a flag, with a limit per user': {
    flags: true,
    userId: (session) => session.user,
    maxPerUser: 2,
  },
}

for (const [how, { flags, ...options }] of Object.entries(STORES)) {
  test(`a save that a unique index refuses is an error ${how}`, async (t) => {
    const { uri, sessions } = await database(t)
    await sessions.createIndex(
      { 'session.seat': 1 },
      { unique: true, sparse: true, name: 'one seat' },
    )
    const store = openStore(t, { uri, ...options })
    await store.set('taken', newSession({ seat: SEAT }))
    await store.set('there', newSession({ seat: 'mine' }))
    if (flags) {
      await store.set('flagged', newSession())
      await store.flagDeletion('flagged')
    }
    const loaded = await load(store, 'there')
    loaded.seat = SEAT
    const calls = [
      store.set('new', newSession({ seat: SEAT })),
      store.set('there', newSession({ seat: SEAT })),
      store.set(
        'session',
        store.createSession({ sessionID: 'session' }, newSession({ seat: SEAT })),
      ),
    ]
    const errors = await Promise.all([...calls, store.set('there', loaded)].map(failure))
    for (const error of errors) {
      assert.equal(error.code, 'ERR_STORE_SERVER')
      assert.equal(error.mongoCode, 11000)
      assert.match(error.message, /'one seat'/)
      assert.doesNotMatch(error.message, /somebody/)
    }
    assert.equal(await store.get('new'), null)
    assert.equal((await store.get('there')).seat, 'mine')
    assert.deepEqual(store.events, [])
  })
}

test('a save of a flagged session is still dropped beside such an index', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ 'session.seat': 1 }, { unique: true, sparse: true })
  const store = openStore(t, { uri, deleteFlags: true })
  await store.set('sid', newSession({ seat: 'mine' }))
  await store.destroy('sid')
  await store.set('sid', newSession({ seat: 'other' }))
  assert.deepEqual(store.events, [{ name: 'discard', value: 'sid' }])
  assert.equal(await store.get('sid'), null)
})
