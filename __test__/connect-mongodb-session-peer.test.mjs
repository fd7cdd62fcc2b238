// The adapter and the real connect-mongodb-session in one fleet: users stay logged in.
import assert from 'node:assert/strict'
import test from 'node:test'
import connectPeer from 'connect-mongodb-session'
import session from 'express-session'
import connectMongoDBSession from 'mongodb-session-store/connect-mongodb-session'
import { Visitor, serveLogin } from './login-app.mjs'
import { database, openStore, watched } from './support.mjs'

const MongoDBStore = connectMongoDBSession(session)
const PeerStore = connectPeer(session)

/** A store of the other package; its connection is closed after the test. */
async function openPeer(t, options) {
  const store = new PeerStore(options, () => {})
  t.after(() => store.client.close())
  await store.initialConnectionPromise
  return store
}

const FORMS = {
  'the defaults': {},
  'fields of other names': { idField: 'sid', expiresKey: 'until', expiresAfterSeconds: 60 },
}

const COOKIES = { 'a session cookie': {}, 'a cookie with a lifetime': { maxAge: 60_000 } }

for (const [form, options] of Object.entries(FORMS)) {
  for (const [kind, cookie] of Object.entries(COOKIES)) {
    test(`a user goes from one package to the other and back, ${form}, ${kind}`, async (t) => {
      const { uri, sessions } = await database(t)
      const store = watched(t, new MongoDBStore({ uri, ...options }))
      const theirs = await serveLogin(t, await openPeer(t, { uri, ...options }), { cookie })
      const ours = await serveLogin(t, store, { cookie })

      for (const [first, second] of [
        [theirs, ours],
        [ours, theirs],
      ]) {
        const visitor = new Visitor()
        await visitor.login(first, 'ada')
        const { _id } = await sessions.findOne()
        let visits = 0
        for (const origin of [second, first, first, second, second, first]) {
          assert.deepEqual(await visitor.visit(origin), { user: 'ada', visits: ++visits })
        }
        const documents = await sessions.find().toArray()
        assert.equal(documents.length, 1)
        assert.deepEqual(documents[0]._id, _id)
        assert.equal(documents[0].session.visits, visits)
        await visitor.logout(second)
        assert.equal(await visitor.visit(first), null)
        assert.equal(await sessions.countDocuments(), 0)
      }
      assert.deepEqual(store.events, [])
    })
  }
}

test('MongoSessionStore itself takes over, with options of its own', async (t) => {
  const { uri } = await database(t)
  const peer = await openPeer(t, { uri, idField: 'sid', expiresKey: 'until' })
  const fields = { id: 'sid', expires: 'until' }
  const visitor = new Visitor()
  await visitor.login(await serveLogin(t, peer), 'ada')
  const ours = await serveLogin(t, openStore(t, { uri, fields }))
  assert.deepEqual(await visitor.visit(ours), { user: 'ada', visits: 1 })
})

test('a session that the other package has let expire is not served', async (t) => {
  const { uri } = await database(t)
  const peer = await openPeer(t, { uri, expires: 1 })
  const visitor = new Visitor()
  await visitor.login(await serveLogin(t, peer), 'ada')
  const ours = await serveLogin(t, watched(t, new MongoDBStore({ uri })))
  assert.equal(await visitor.visit(ours), null)
})
