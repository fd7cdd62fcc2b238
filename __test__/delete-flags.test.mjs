// deleteFlags, flagDeletion and cleanup: sessions that stay in the collection, marked as deleted.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { onBothApps, regenerate } from './parallel-support.mjs'
import { database, load, newSession, onBothEngines, openStore, until } from './support.mjs'

/** A Session as express-session generates it for a new visitor. */
function generate(store, sid) {
  const generated = new session.Session({ sessionID: sid, sessionStore: store })
  generated.cookie = new session.Cookie({ maxAge: 60_000 })
  return generated
}

async function isGone(store, sid) {
  assert.equal(await store.get(sid), null)
  assert.equal(await store.length(), 0)
  assert.deepEqual(await store.all(), [])
}

onBothEngines(test, 'a flagged session is missing, not counted and not listed', async (t, open) => {
  const store = open()
  for (const sid of ['one', 'two', 'three']) await store.set(sid, newSession({ sid }))
  assert.equal(await store.flagDeletion('two'), 1)
  assert.equal(await store.get('two'), null)
  assert.equal(await store.length(), 2)
  assert.deepEqual((await store.all()).map(({ sid }) => sid).sort(), ['one', 'three'])
})

/** How a store that knows of the session could try to bring it back. */
const REVIVALS = {
  'a save of what was loaded': async (store, loaded) => {
    loaded.late = true
    await store.set('sid', loaded)
  },
  'a save of a plain object': (store) => store.set('sid', newSession({ late: true })),
  'a save of a new session': (store) => store.set('sid', generate(store, 'sid')),
  'a touch': (store, loaded) => store.touch('sid', loaded),
  'many saves and touches at once': (store, loaded) =>
    Promise.all(
      [newSession(), loaded, generate(store, 'sid')].flatMap((each) => [
        store.set('sid', each),
        store.touch('sid', each),
        store.set('another', newSession()).then(() => store.destroy('another')),
      ]),
    ),
}

for (const [how, revive] of Object.entries(REVIVALS)) {
  for (const deleteFlags of [true, false]) {
    const which = deleteFlags ? 'with' : 'without'

    onBothEngines(
      test,
      `${how} does not bring a flagged session back, in a store ${which} deleteFlags`,
      async (t, open) => {
        const store = open({ deleteFlags })
        await store.set('sid', newSession({ user: 'ada' }))
        const loaded = await load(store, 'sid')
        assert.equal(await store.flagDeletion('sid'), 1)
        await revive(store, loaded)
        await isGone(store, 'sid')
        await revive(store, loaded)
        await isGone(store, 'sid')
      },
    )
  }

  test(`${how} does not bring back what another store has flagged`, async (t) => {
    const { uri, sessions } = await database(t)
    const [flagging, other] = [openStore(t, { uri, deleteFlags: true }), openStore(t, { uri })]
    await other.set('sid', newSession({ user: 'ada' }))
    const loaded = await load(other, 'sid')
    await flagging.destroy('sid')
    await revive(other, loaded)
    await isGone(other, 'sid')
    await isGone(flagging, 'sid')
    assert.equal((await sessions.findOne({ _id: 'sid' })).deleted, true)
  })
}

onBothEngines(test, 'a save that a flag stops says so', async (t, open) => {
  const store = open({ deleteFlags: true })
  await store.set('sid', newSession())
  const loaded = await load(store, 'sid')
  await store.destroy('sid')
  await store.set('sid', loaded)
  await store.set('sid', newSession())
  await until(() => store.events.length >= 2, 'the discards')
  const discard = { name: 'discard', value: 'sid' }
  assert.deepEqual(store.events, [discard, discard])
})

onBothEngines(test, 'flagDeletion answers 0 for what is not there', async (t, open) => {
  const store = open()
  assert.equal(await store.flagDeletion('nobody'), 0)
  await store.set('sid', newSession())
  assert.equal(await store.flagDeletion('sid'), 1)
  assert.equal(await store.flagDeletion('sid'), 0)
})

onBothEngines(test, 'flagDeletion counts each of many calls at once', async (t, open) => {
  const store = open()
  const sids = Array.from({ length: 30 }, (_, n) => `sid${n}`)
  for (const sid of sids.slice(0, 20)) await store.set(sid, newSession())
  const counts = await Promise.all([...sids, ...sids].map((sid) => store.flagDeletion(sid)))
  assert.deepEqual(
    counts,
    [...sids, ...sids].map((_, n) => (n < 20 ? 1 : 0)),
  )
})

onBothEngines(test, 'flagDeletion of null flags every session once', async (t, open) => {
  const store = open()
  for (const sid of ['one', 'two', 'three']) await store.set(sid, newSession())
  await store.flagDeletion('two')
  assert.equal(await store.flagDeletion(null), 2)
  assert.equal(await store.flagDeletion(null), 0)
  await isGone(store, 'one')
})

onBothEngines(test, 'cleanup removes what is flagged, and answers how many', async (t, open) => {
  const store = open()
  for (const sid of ['one', 'two', 'three']) await store.set(sid, newSession())
  assert.equal(await store.cleanup(), 0)
  await store.flagDeletion('one')
  await store.flagDeletion('two')
  assert.equal(await store.cleanup(), 2)
  assert.equal(await store.cleanup(), 0)
  assert.notEqual(await store.get('three'), null)
  // The id is free again.
  await store.set('one', newSession())
  assert.notEqual(await store.get('one'), null)
})

onBothEngines(test, 'flags and destroys take effect in the order of calls', async (t, open) => {
  const store = open({ deleteFlags: true })
  store.set('sid', newSession())
  const counts = [store.flagDeletion('sid'), store.flagDeletion(null)]
  store.set('sid', newSession())
  const got = store.get('sid')
  const removed = store.cleanup()
  store.set('sid', newSession({ again: true }))
  assert.deepEqual(await Promise.all(counts), [1, 0])
  assert.equal(await got, null)
  assert.equal(await removed, 1)
  assert.equal((await store.get('sid')).again, true)
})

onBothEngines(test, 'flagDeletion and cleanup take callbacks', async (t, open) => {
  const store = open()
  const call = (method, ...args) =>
    new Promise((resolve) => store[method](...args, (...answer) => resolve(answer)))
  for (const sid of ['one', 'two', 'three']) await store.set(sid, newSession())
  assert.deepEqual(await call('flagDeletion', 'one'), [null, 1])
  assert.deepEqual(await call('flagDeletion', 'one'), [null, 0])
  assert.deepEqual(await call('flagDeletion', null), [null, 2])
  assert.deepEqual(await call('cleanup'), [null, 3])
  await store.close()
  for (const [error] of [await call('flagDeletion', null), await call('cleanup')]) {
    assert.equal(error.code, 'ERR_STORE_CLOSED')
  }
})

onBothEngines(test, 'only a string or null can be flagged', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  for (const sid of [undefined, 1, {}, { $ne: '' }, ['sid'], '\ud800']) {
    await assert.rejects(store.flagDeletion(sid), TypeError)
  }
  assert.equal(await store.length(), 1)
})

for (const [verb, end] of Object.entries({
  destroy: (store) => store.destroy('sid'),
  clear: (store) => store.clear(),
})) {
  onBothEngines(test, `${verb} flags with deleteFlags and deletes without`, async (t, open) => {
    for (const deleteFlags of [true, false]) {
      const store = open({ deleteFlags })
      await store.set('sid', newSession())
      await end(store)
      await isGone(store, 'sid')
      assert.equal(await store.cleanup(), deleteFlags ? 1 : 0)
    }
  })

  onBothEngines(test, `${verb} with deleteFlags ends an expired session`, async (t, open) => {
    const store = open({ deleteFlags: true })
    await store.set('sid', newSession())
    const loaded = await load(store, 'sid')
    await store.touch('sid', newSession({}, -1000))
    await end(store)
    loaded.late = true
    await store.set('sid', loaded)
    await isGone(store, 'sid')
  })
}

onBothEngines(test, 'flagDeletion of null ends expired sessions as well', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const loaded = await load(store, 'sid')
  await store.touch('sid', newSession({}, -1000))
  await store.flagDeletion(null)
  loaded.late = true
  await store.set('sid', loaded)
  await isGone(store, 'sid')
})

onBothApps('logout and regenerate flag', { deleteFlags: true }, async (t, visitor, { store }) => {
  const first = await visitor.login()
  await visitor.request(async (req) => {
    const session = await regenerate(req)
    session.user = 'bob'
  })
  assert.deepEqual(await visitor.data(), { user: 'bob' })
  await visitor.request((req) => new Promise((resolve) => req.session.destroy(resolve)))
  assert.equal(await store.get(first), null)
  assert.equal(await store.length(), 0)
  assert.equal(await store.cleanup(), 2)
})
