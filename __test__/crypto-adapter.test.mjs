// The option `cryptoAdapter`: what the application encrypts itself.
import { reversing } from './encryption-support.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, failure, load, newSession, onBothEngines, openStore } from './support.mjs'

onBothEngines(test, 'a cryptoAdapter sees every text', async (t, open, { sessions }) => {
  const store = open({ cryptoAdapter: reversing })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal((await store.all())[0].user, 'ada')
  if (sessions) assert.match((await sessions.findOne()).session, /^[0-9a-f]+$/)
})

test('a cryptoAdapter reads what was stored before it was there', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri }).set('document', newSession({ n: 1 }))
  await openStore(t, { uri, stringify: true }).set('text', newSession({ n: 2 }))
  const store = openStore(t, { uri, cryptoAdapter: reversing })
  assert.equal((await store.get('document')).n, 1)
  assert.equal((await store.get('text')).n, 2)
})

test('a cryptoAdapter that only decrypts leads back to documents', async (t) => {
  const { uri, sessions } = await database(t)
  const encrypted = openStore(t, { uri, cryptoAdapter: reversing })
  await encrypted.set('sid', newSession({ n: 1 }))
  const store = openStore(t, { uri, cryptoAdapter: { decrypt: reversing.decrypt } })
  const session = await load(store, 'sid')
  session.n = 2
  await store.set('sid', session)
  session.more = true
  await store.set('sid', session)
  const stored = (await sessions.findOne()).session
  assert.equal(stored.n, 2)
  assert.equal(stored.more, true)
})

test('calls for one session keep their order while the application encrypts', async (t) => {
  const { uri } = await database(t)
  let release
  const first = new Promise((resolve) => (release = resolve))
  let count = 0
  const store = openStore(t, {
    uri,
    cryptoAdapter: {
      ...reversing,
      // The first one takes longest.
      encrypt: async (text) => {
        if (count++ === 0) await first
        return reversing.encrypt(text)
      },
    },
  })
  const calls = [
    store.set('sid', newSession({ n: 1 })),
    store.set('sid', newSession({ n: 2 })),
    store.get('sid'),
    store.destroy('sid'),
    store.get('sid'),
    store.set('sid', newSession({ n: 3 })),
    store.length(),
  ]
  assert.equal(await store.get('another'), null)
  release()
  const [, , second, , none, , length] = await Promise.all(calls)
  assert.equal(second.n, 2)
  assert.equal(none, null)
  assert.equal(length, 1)
  const last = store.set('sid', newSession({ n: 4 }))
  await Promise.all([last, store.close()])
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_CLOSED')
})
