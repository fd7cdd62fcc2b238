// What a store has read about a document does not count any more once it has written it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { nextMillisecond } from './express-support.mjs'
import { database, load, newSession, openStore } from './support.mjs'

const at = (date, ms) => new Date(date.getTime() + ms)

/** A loaded session, when its document expires, and a reader of that. */
async function loaded(t, options) {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ n: 1 }, 60_000))
  const store = openStore(t, { uri, ...options })
  const session = await load(store, 'sid')
  const stored = () => sessions.findOne({ _id: 'sid' })
  return { store, session, stored, expires: (await stored()).expires }
}

test('a touch after a save is sent, since the save has moved the expiry', async (t) => {
  const { store, session, stored, expires } = await loaded(t, { touchAfter: 10_000 })
  session.cookie.expires = at(expires, -30_000)
  session.n = 2
  await store.set('sid', session)
  session.cookie.expires = at(expires, 1)
  await store.touch('sid', session)
  assert.deepEqual((await stored()).expires, at(expires, 1))
})

test('a touch after a touch that was sent is sent, and after one that was not, not', async (t) => {
  const { store, session, stored, expires } = await loaded(t, { touchAfter: 10_000 })
  for (const ms of [1, 2]) {
    session.cookie._expires = at(expires, ms)
    await store.touch('sid', session)
    assert.deepEqual((await stored()).expires, expires)
  }
  session.cookie.expires = at(expires, 3_600_000)
  await store.touch('sid', session)
  session.cookie.expires = at(expires, 3)
  await store.touch('sid', session)
  assert.deepEqual((await stored()).expires, at(expires, 3))
})

for (const [verb, change] of [
  ['touch', (store, session) => store.touch('sid', session)],
  [
    'save',
    (store, session) => {
      session.n += 1
      return store.set('sid', session)
    },
  ],
]) {
  test(`a session from before absoluteTimeout is created by its first ${verb} alone`, async (t) => {
    const { store, session, stored } = await loaded(t, { absoluteTimeout: 600_000 })
    session.cookie.maxAge = 3_600_000
    await change(store, session)
    const { createdAt, expires } = await stored()
    assert.ok(createdAt instanceof Date)
    await nextMillisecond()
    await nextMillisecond()
    await change(store, session)
    const later = await stored()
    assert.deepEqual(later.createdAt, createdAt)
    // What the store knows about that moment is what it was when it called, by another clock than the document's.
    const drift = Math.abs(expires.getTime() - later.expires.getTime())
    assert.ok(drift < 30_000, String(drift))
  })
}
