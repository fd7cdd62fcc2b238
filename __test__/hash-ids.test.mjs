// With hashIds the database holds a hash in the place of a session id.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { KEY, decryptField, rawBytes } from './encryption-support.mjs'
import { onBothApps } from './parallel-support.mjs'
import { database, newSession, onBothEngines, openStore, until } from './support.mjs'

const hash = (sid) => createHash('sha256').update(sid).digest('base64url')

test('the id of a document is the prefix and the SHA-256 of the session id', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, prefix: 'app:', hashIds: true })
  for (const sid of ['sid', '', 'ä😀', 'x'.repeat(5000)]) {
    await store.set(sid, newSession({ sid }))
    assert.notEqual(await sessions.findOne({ _id: `app:${hash(sid)}` }), null)
    assert.equal((await store.get(sid)).sid, sid)
  }
  assert.equal(await sessions.countDocuments(), 4)
})

onBothEngines(test, 'every method finds a session by its hashed id', async (t, open) => {
  const store = open({ hashIds: true, prefix: 'app:' })
  await store.set('a', newSession({ user: 'ada' }))
  await store.set('b', newSession({ user: 'bob' }))
  await store.touch('a', newSession({}, 600_000))
  const touched = await store.get('a')
  assert.ok(touched.cookie.expires.getTime() > Date.now() + 500_000)
  assert.equal(await store.length(), 2)
  assert.deepEqual((await store.all()).map(({ user }) => user).sort(), ['ada', 'bob']) // prettier-ignore
  await store.destroy('a')
  assert.equal(await store.get('a'), null)
  assert.equal(await store.flagDeletion('b'), 1)
  assert.equal(await store.get('b'), null)
  assert.equal(await store.cleanup(), 1)
  await store.set('c', newSession())
  await store.clear()
  assert.equal(await store.length(), 0)
})

onBothEngines(test, 'what the database holds is no session id', async (t, open) => {
  const store = open({ hashIds: true })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal(await store.get(hash('sid')), null)
  await store.destroy(hash('sid'))
  assert.notEqual(await store.get('sid'), null)
})

for (const [how, options] of Object.entries({
  plain: {},
  encrypted: { encryption: { keys: [KEY] } },
  flagged: { deleteFlags: true },
})) {
  test(`no session id is found in the database (${how})`, async (t) => {
    const { uri, db } = await database(t)
    const store = openStore(t, { uri, hashIds: true, ...options })
    const sids = ['sid-5f0cA7Qz-1', 'sid-5f0cA7Qz-2', 'sid-5f0cA7Qz-3', 'sid-5f0cA7Qz-4']
    await Promise.all(sids.map((sid) => store.set(sid, newSession({ user: 'ada' }))))
    await store.touch(sids[0], newSession())
    await store.destroy(sids[1])
    await store.flagDeletion(sids[2])
    const stored = await rawBytes(db)
    assert.notEqual(stored.indexOf(hash(sids[0])), -1)
    for (const sid of sids) {
      for (const encoding of ['utf8', 'base64', 'hex']) {
        const text = Buffer.from(sid).toString(encoding).replace(/=+$/, '')
        assert.equal(stored.indexOf(text), -1, text)
      }
    }
  })
}

onBothApps(
  'a discarded save is told by the session id of the caller',
  { hashIds: true, prefix: 'app:' },
  async (t, visitor, { store, sessions }) => {
    const sid = await visitor.login({ n: 1 })
    await visitor.request(({ session }) => void (session.n = 2))
    assert.deepEqual(await visitor.data(), { n: 2 })
    await visitor.request(async (req) => {
      await store.destroy(sid)
      req.session.late = true
    })
    await until(() => store.events.length > 0, 'the discard')
    assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
    assert.equal(await store.get(sid), null)
    assert.equal((await sessions?.countDocuments()) ?? 0, 0)
  },
)

onBothApps(
  'a discard comes before the answer to the save',
  { hashIds: true },
  async (t, visitor, { store }) => {
    const sid = await visitor.login()
    const order = []
    store.once('discard', () => order.push('discard'))
    await visitor.request(async (req) => {
      await store.destroy(sid)
      req.session.late = true
      await new Promise((resolve) =>
        req.session.save((error) => resolve(order.push(error ?? 'saved'))),
      )
    })
    assert.deepEqual(order, ['discard', 'saved'])
  },
)

test('an encrypted session is bound to its hashed id', async (t) => {
  const { uri, sessions } = await database(t)
  const encryption = { keys: [KEY] }
  const store = openStore(t, { uri, prefix: 'app:', hashIds: true, encryption })
  await store.set('sid', newSession({ user: 'ada' }))
  const { _id, session } = await sessions.findOne()
  assert.equal(_id, `app:${hash('sid')}`)
  assert.equal(decryptField(KEY, _id, 'user', session.user), 'ada')
})

test('two stores with different prefixes keep their hashed ids apart', async (t) => {
  const { uri } = await database(t)
  const [a, b] = ['a:', 'b:'].map((prefix) => openStore(t, { uri, prefix, hashIds: true }))
  await a.set('sid', newSession({ from: 'a' }))
  assert.equal(await b.get('sid'), null)
  await b.clear()
  assert.equal((await a.get('sid')).from, 'a')
})
