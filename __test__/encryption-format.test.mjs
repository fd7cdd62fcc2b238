// The format of encrypted sessions is the documented one: node:crypto reads what the store writes,
// and the store reads what node:crypto writes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { KEY, decryptField, encryptField, rawBytes, stretch } from './encryption-support.mjs'
import { PATIENT, database, load, newSession, openStore } from './support.mjs'

const PASSPHRASE = 'correct horse battery staple'

const SECRETS = [
  { name: 'a key', secret: KEY, key: KEY },
  { name: 'a passphrase', secret: PASSPHRASE, key: stretch(PASSPHRASE) },
]

for (const { name, secret, key } of SECRETS) {
  test(`what the store encrypts under ${name}, node:crypto decrypts`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, prefix: 'app:', encryption: { keys: [secret] }, ...PATIENT })
    const session = newSession({ user: 'ada', 'ä.$': [1, { when: new Date(5) }], '': null })
    await store.set('sid', session)
    const stored = await sessions.findOne({ _id: 'app:sid' })
    const entries = Object.entries(stored.session)
    const decrypted = entries.map(([field, value]) => [
      field,
      decryptField(key, 'app:sid', field, value),
    ])
    assert.deepEqual(Object.fromEntries(decrypted), session)
  })

  test(`what node:crypto encrypts under ${name}, the store decrypts`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, prefix: 'app:', encryption: { keys: [secret] }, ...PATIENT })
    const { cookie, ...data } = newSession({ user: 'ada', list: [1, { when: new Date(5) }] })
    const entries = Object.entries({ cookie, ...data })
    await sessions.insertOne({
      _id: 'app:sid',
      expires: cookie._expires,
      session: Object.fromEntries(
        entries.map(([field, value]) => [field, encryptField(key, 'app:sid', field, value)]),
      ),
    })
    const { cookie: readCookie, ...readData } = await store.get('sid')
    assert.deepEqual(readData, data)
    assert.deepEqual(readCookie.expires, cookie._expires)
  })
}

test('what was stored in version 1 is read, and written in version 2 by the next save', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, encryption: { keys: [KEY] } })
  const { cookie, ...data } = newSession({ user: 'ada', n: 1 })
  const entries = Object.entries({ cookie, ...data })
  const before = (field, value) => encryptField(KEY, 'sid', field, value, null)
  const fields = entries.map(([field, value]) => [field, before(field, value)])
  await sessions.insertOne({
    _id: 'sid',
    expires: cookie._expires,
    session: Object.fromEntries(fields),
  })
  const session = await load(store)
  assert.equal(session.user, 'ada')
  const version = async (field) => (await sessions.findOne()).session[field].value()[0]
  session.n = 2
  await store.set('sid', session)
  // As with a new key: what has changed is written anew.
  assert.deepEqual([await version('n'), await version('user')], [2, 1])
  assert.equal((await store.get('sid')).n, 2)
  await store.set('sid', { cookie, ...data })
  assert.equal(await version('user'), 2)
})

test('a context is bound to what the store encrypts', async (t) => {
  const { uri, sessions } = await database(t)
  const context = 'Ä/sessions'
  const store = openStore(t, { uri, encryption: { keys: [KEY], context } })
  await store.set('sid', newSession({ user: 'ada' }))
  const { session } = await sessions.findOne()
  assert.equal(decryptField(KEY, 'sid', 'user', session.user, context), 'ada')
  assert.throws(() => decryptField(KEY, 'sid', 'user', session.user))
})

test('only names, sizes, the id and the expiry are visible', async (t) => {
  const { uri, db, sessions } = await database(t)
  const store = openStore(t, { uri, encryption: { keys: [KEY] } })
  const user = 'user-4kQz81'
  await store.set('sid', newSession({ user, more: { secretName: 'secretValue', n: 123456 } }))
  const { session, ...visible } = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(Object.keys(visible), ['_id', 'expires'])
  assert.deepEqual(Object.keys(session), ['cookie', 'user', 'more'])
  // Header, type and tag are 34 bytes; the value is what BSON makes of it.
  assert.equal(session.user.length(), 34 + 4 + user.length + 1)
  const stored = await rawBytes(db)
  for (const text of [user, 'secretName', 'secretValue', 'originalMaxAge']) {
    assert.equal(stored.indexOf(text), -1, text)
  }
})
