// Several documents with one session id. In a field that is not unique, other stores leave them behind
// when two requests save a new session at the same moment: a session is then the first of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, load, newSession, openStore } from './support.mjs'

const FIELDS = { id: 'sid', session: 'data' }

/** A store on a collection that holds the same session twice, the older one first. */
async function withTwins(t, options) {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + 3_600_000)
  const twin = (n) => ({ sid: 'sid', expires, data: newSession({ n, user: 'ada' }) })
  await sessions.insertMany([twin(1), twin(2)])
  return { store: openStore(t, { uri, fields: FIELDS, ...options }), sessions }
}

for (const save of ['difference', 'replace']) {
  test(`what is saved is what is read next, with save: '${save}'`, async (t) => {
    const { store } = await withTwins(t, { save })
    for (let n = 1; n <= 3; n++) {
      const session = await load(store)
      assert.equal(session.n, n)
      session.n++
      await store.set('sid', session)
    }
  })
}

test('a touch moves the expiry of what is read', async (t) => {
  const { store } = await withTwins(t)
  await store.touch('sid', newSession({}, -1))
  assert.equal(await store.get('sid'), null)
})

test('a text becomes a document where it is read', async (t) => {
  const { store, sessions } = await withTwins(t)
  await sessions.updateOne({ 'data.n': 1 }, [{ $set: { data: '{"cookie":{},"n":1}' } }])
  const session = await load(store)
  session.more = true
  await store.set('sid', session)
  const { cookie: _cookie, ...data } = await store.get('sid')
  assert.deepEqual(data, { n: 1, more: true })
})

const ENDS = {
  destroy: (store) => store.destroy('sid'),
  'destroy with deleteFlags': (store) => store.destroy('sid'),
  flagDeletion: (store) => store.flagDeletion('sid'),
}

for (const [how, end] of Object.entries(ENDS)) {
  test(`${how} leaves none of them`, async (t) => {
    const { store } = await withTwins(t, { deleteFlags: how.endsWith('deleteFlags') })
    const held = await load(store)
    held.n = 7
    await end(store)
    assert.equal(await store.get('sid'), null)
    await store.set('sid', held)
    assert.equal(await store.get('sid'), null)
    await store.cleanup()
    assert.equal(await store.get('sid'), null)
  })
}

test('a save that is dropped is told of beside one that flags several', async (t) => {
  const { store, sessions } = await withTwins(t, { deleteFlags: true })
  await store.set('other', newSession())
  const other = await load(store, 'other')
  other.late = true
  await sessions.deleteOne({ sid: 'other' })
  // Called in one turn, they leave with one command.
  await Promise.all([store.ping(), store.destroy('sid'), store.set('other', other)])
  const discarded = store.events.filter(({ name }) => name === 'discard')
  assert.deepEqual(discarded, [{ name: 'discard', value: 'other' }])
})
