// flagDeletion without the option deleteFlags.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newSession, onBothEngines } from './support.mjs'

onBothEngines(
  test,
  'a session that this store flagged cannot be saved or touched, without the option as well',
  async (t, open, { sessions }) => {
    // Shorter than the session would live, so that a touch would move the moment.
    const store = open({ deleteGrace: 30_000 })
    await store.set('sid', newSession())
    const req = { sessionID: 'sid', sessionStore: store }
    const session = store.createSession(req, await store.get('sid'))
    assert.equal(await store.flagDeletion('sid'), 1)
    const flagged = await sessions?.findOne()
    session.late = true
    await store.set('sid', session)
    await store.touch('sid', session)
    await store.set('sid', newSession())
    assert.equal(await store.get('sid'), null)
    assert.deepEqual(
      store.events.map(({ name, value }) => [name, value]),
      [
        ['discard', 'sid'],
        ['discard', 'sid'],
      ],
    )
    assert.deepEqual(await sessions?.findOne(), flagged)
  },
)
