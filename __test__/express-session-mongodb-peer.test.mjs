// The adapter and the real express-session-mongodb in one fleet: users stay logged in.
import assert from 'node:assert/strict'
import test from 'node:test'
import { promisify } from 'node:util'
import Store from 'mongodb-session-store/express-session-mongodb'
import { originalMaxAge } from './express-support.mjs'
import { Visitor, serveLogin } from './login-app.mjs'
import { COOKIES, FORMS, openPeer } from './old-driver.mjs'
import { database, newSession, openStore, watched } from './support.mjs'

/** Both stores on the database of a test, with the same options. */
async function fleet(t, options) {
  const { db } = await database(t)
  const peer = await openPeer(db, options)
  const store = watched(t, new Store(db, null, options))
  return { db, peer, store, sessions: db.collection('Sessions') }
}

for (const [form, options] of Object.entries(FORMS)) {
  for (const [kind, cookie] of Object.entries(COOKIES)) {
    test(`a user goes from one package to the other and back, ${form}, ${kind}`, async (t) => {
      const { peer, store, sessions } = await fleet(t, options)
      const data = options.Filter ? { 'cart-total.$': { 'in.cents': 5 } } : { cart: { cents: 5 } }
      const theirs = await serveLogin(t, peer, { cookie, data })
      const ours = await serveLogin(t, store, { cookie, data })

      for (const [first, second] of [
        [theirs, ours],
        [ours, theirs],
      ]) {
        const visitor = new Visitor()
        await visitor.login(first, 'ada')
        let visits = 0
        for (const origin of [second, first, first, second, second, first]) {
          const session = { ...data, user: 'ada', visits: ++visits }
          assert.deepEqual(await visitor.visit(origin), session)
        }
        const [document, ...others] = await sessions.find().toArray()
        assert.equal(document.SessionID, visitor.sid)
        assert.equal(document.Data.visits, visits)
        assert.deepEqual(others, [])
        await visitor.logout(second)
        assert.equal(await visitor.visit(first), null)
        assert.equal(await sessions.countDocuments(), 0)
      }
      assert.deepEqual(store.events, [])
    })
  }
}

test('both packages write the same keys where a character occurs once', async (t) => {
  const { peer, store, sessions } = await fleet(t, { Filter: true })
  const data = { 'a-b.c$d\0e': [{ $f: { 'g.h': 1 } }], plain: 'x.y', '.': null }
  await promisify(peer.set).call(peer, 'theirs', newSession(data))
  await store.set('ours', newSession(data))
  const [theirs, ours] = await sessions.find().sort({ SessionID: -1 }).toArray()
  const { cookie: _theirs, ...written } = theirs.Data
  const { cookie: _ours, ...own } = ours.Data
  assert.deepEqual(own, written)
  assert.deepEqual(Object.keys(own), Object.keys(written))
})

test("the other package's loss of the cookie's expiry with Filter is mended", async (t) => {
  const { peer, store } = await fleet(t, { Filter: true })
  const visitor = new Visitor()
  await visitor.login(await serveLogin(t, peer, { cookie: { maxAge: 60_000 } }), 'ada')
  const { cookie } = await store.get(visitor.sid)
  const left = cookie.expires - Date.now()
  assert.ok(left > 0 && left <= 60_000, `${left}`)
  originalMaxAge(cookie, 60_000)
  assert.deepEqual(Object.keys(cookie).sort(), ['expires', 'httpOnly', 'originalMaxAge', 'path'])
})

test('each package sees what the other has flagged, and cleans it up', async (t) => {
  // The other package reads this option under a name that its documentation does not have.
  const { peer, store, sessions } = await fleet(t, { DeleteFlag: true })
  const theirs = await serveLogin(t, peer)
  const ours = await serveLogin(t, store)
  const visitor = new Visitor()
  for (const [first, second] of [
    [theirs, ours],
    [ours, theirs],
  ]) {
    await visitor.login(first, 'ada')
    await visitor.logout(first)
    assert.equal(await visitor.visit(second), null)
  }
  // At log-in express-session destroys the session of before, too.
  const flagged = await sessions.countDocuments({ Delete: true })
  assert.ok(flagged >= 2)
  assert.equal(await store.Cleanup(), flagged)
  await visitor.login(theirs, 'ada')
  assert.equal(await store.FlagDeletion(visitor.sid), 1)
  assert.equal(await visitor.visit(theirs), null)
  assert.ok((await promisify(peer.Cleanup).call(peer)) >= 1)
  assert.equal(await sessions.countDocuments(), 0)
})

test('MongoSessionStore itself takes over, with options of its own', async (t) => {
  const { db, peer } = await fleet(t, { TimeToLive: 60 })
  const visitor = new Visitor()
  await visitor.login(await serveLogin(t, peer), 'ada')
  const store = openStore(t, {
    client: db,
    collection: 'Sessions',
    fields: { id: 'SessionID', session: 'Data', lastAccess: 'LastAccessed', deleted: 'Delete' },
    ttl: 60_000,
    touchOnGet: true,
  })
  const ours = await serveLogin(t, store)
  assert.deepEqual(await visitor.visit(ours), { user: 'ada', visits: 1 })
})
