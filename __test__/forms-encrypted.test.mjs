// What `unserialize` gets of a session that `serialize` has made something of and a `cryptoAdapter` encrypted.
import { reversing } from './encryption-support.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  createKrupteinAdapter,
  createSecretAdapter,
  createWebCryptoAdapter,
} from '../lib/adapters/connect-mongo.mjs'
import { newSession, openStore } from './support.mjs'

/** Ways to serialize a session and back; each `unserialize` fails with what is not the answer of its own. */
const SERIALIZATIONS = {
  'an object': {
    serialize: (session) => ({ wrapped: JSON.stringify(session) }),
    unserialize: ({ wrapped }) => JSON.parse(wrapped),
  },
  'JSON text': {
    serialize: (session) => JSON.stringify(session),
    unserialize: (text) => JSON.parse(text),
  },
  'JSON text of an array': {
    serialize: (session) => JSON.stringify([session]),
    unserialize: (text) => JSON.parse(text)[0],
  },
  'the JSON text of JSON text': {
    serialize: (session) => JSON.stringify(JSON.stringify(session)),
    unserialize: (text) => JSON.parse(JSON.parse(text)),
  },
  'other text': {
    serialize: (session) => `v1:${JSON.stringify(session)}`,
    unserialize: (text) => JSON.parse(text.slice(3)),
  },
}

const ADAPTERS = {
  'an adapter of its own': () => reversing,
  createKrupteinAdapter: () => createKrupteinAdapter({ secret: 'squirrel' }),
  createSecretAdapter: () => createSecretAdapter({ secret: 'squirrel' }),
  createWebCryptoAdapter: () => createWebCryptoAdapter({ secret: 'squirrel', iterations: 10 }),
}

for (const [adapter, create] of Object.entries(ADAPTERS)) {
  for (const [what, hooks] of Object.entries(SERIALIZATIONS)) {
    test(`unserialize gets back ${what} that went through ${adapter}`, async (t) => {
      const store = openStore(t, { uri: 'memory:', cryptoAdapter: create(), ...hooks })
      await store.set('sid', newSession({ user: 'ada' }))
      assert.equal((await store.get('sid')).user, 'ada')
      assert.equal((await store.all())[0].user, 'ada')
    })
  }
}

test('an unserialize that takes either form gets the object, as of connect-mongo', async (t) => {
  for (const cryptoAdapter of [reversing, createKrupteinAdapter({ secret: 'squirrel' })]) {
    const got = []
    const store = openStore(t, {
      uri: 'memory:',
      cryptoAdapter,
      serialize: (session) => JSON.stringify(session),
      unserialize: (stored) => {
        got.push(typeof stored)
        return typeof stored === 'string' ? JSON.parse(stored) : stored
      },
    })
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await store.get('sid')).user, 'ada')
    assert.deepEqual(got, ['object'])
  }
})
