import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore as DocumentedStore } from '@iwsio/mongodb-express-session'
import session from 'express-session'
import { BSON } from 'mongodb'
import { connected, database, newSession, openStore, until } from './support.mjs'

/** The bytes of a stored document, exactly. */
const bytes = (sessions, _id) => sessions.findOne({ _id }, { raw: true })

const expires = new Date(Date.now() + 604_800_000)

/** The session of the documented walkthrough. */
function walkthrough() {
  const cookie = new session.Cookie({ maxAge: 604_800_000, httpOnly: true, sameSite: 'strict' })
  cookie.expires = expires
  cookie.originalMaxAge = 604_800_000
  return { cookie, something: 'K-o_HNG5jN6XcJ9bfrTep' }
}

test('the stored document is the documented one, byte for byte', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('BKpbZsCtMVGsRi2uDwMYIa4pAsLMh2EE', walkthrough())
  assert.deepEqual(
    await bytes(sessions, 'BKpbZsCtMVGsRi2uDwMYIa4pAsLMh2EE'),
    Buffer.from(
      BSON.serialize({
        _id: 'BKpbZsCtMVGsRi2uDwMYIa4pAsLMh2EE',
        expires,
        session: {
          cookie: {
            path: '/',
            _expires: expires,
            originalMaxAge: 604_800_000,
            httpOnly: true,
            sameSite: 'strict',
          },
          something: 'K-o_HNG5jN6XcJ9bfrTep',
        },
      }),
    ),
  )
})

test('the prefix comes before the session id in _id', async (t) => {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri, prefix: 'app:' }).set('sid', walkthrough())
  assert.deepEqual(
    (await sessions.find().toArray()).map(({ _id }) => _id),
    ['app:sid'],
  )
})

test('the index is the documented one', async (t) => {
  const { uri, sessions } = await database(t)
  const store = await connected(openStore(t, { uri }))
  await store.set('sid', walkthrough())
  const indexes = await until(async () => {
    const found = await sessions.indexes()
    return found.length > 1 && found
  }, 'the TTL index')
  assert.deepEqual(indexes, [
    { v: 2, key: { _id: 1 }, name: '_id_' },
    { v: 2, key: { expires: 1 }, name: 'expires_1', expireAfterSeconds: 0 },
  ])
})

test('saving again keeps the order of fields', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('sid', walkthrough())
  await store.touch('sid', walkthrough())
  await store.set('sid', { ...walkthrough(), more: 1 })
  const document = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(Object.keys(document), ['_id', 'expires', 'session'])
  assert.deepEqual(Object.keys(document.session), ['cookie', 'something', 'more'])
})

test('the documented package and this one write the same document', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const theirs = await openDocumented(t, uri)
  const data = { user: 'ada', nested: { list: [1, 2.5, 'x', null, true], at: new Date(0) } }
  await store.set('ours', { ...walkthrough(), ...data })
  await new Promise((resolve) => theirs.set('them', { ...walkthrough(), ...data }, resolve))
  const [ours, them] = await Promise.all([bytes(sessions, 'ours'), bytes(sessions, 'them')])
  assert.equal(ours.toString('hex').replace(hex('ours'), hex('them')), them.toString('hex'))
})

test('the documented package and this one read each other', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const theirs = await openDocumented(t, uri)
  await store.set('ours', newSession({ user: 'ada' }))
  await new Promise((resolve) => theirs.set('them', newSession({ user: 'bob' }), resolve))
  assert.equal((await store.get('them')).user, 'bob')
  const ours = await new Promise((resolve, reject) =>
    theirs.get('ours', (error, found) => (error ? reject(error) : resolve(found))),
  )
  assert.equal(ours.user, 'ada')
})

test('a collection is named by the option, a database by the uri', async (t) => {
  const { uri, db } = await database(t)
  await openStore(t, { uri, collection: 'app.visits' }).set('sid', newSession({ user: 'ada' }))
  const document = await db.collection('app.visits').findOne({ _id: 'sid' })
  assert.equal(document.session.user, 'ada')
})

const hex = (text) => Buffer.from(text).toString('hex')

async function openDocumented(t, uri) {
  const store = new DocumentedStore({ uri })
  t.after(() => store.close())
  store.on('error', () => {})
  await until(() => store.collection !== undefined, 'the documented store')
  return store
}
