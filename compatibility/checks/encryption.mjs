// Sessions that are encrypted, and ids that are hashed.
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { dataOf, load, newSession, onMongodb } from './world.mjs'

const KEY = Buffer.alloc(32, 7)
const OLD_KEY = 'a passphrase that is long enough'

export const encryption = {
  async 'an encrypted session comes back, and is saved as what has changed'({ open }) {
    const store = open({ encryption: { keys: [KEY] }, hashIds: true })
    const data = { user: 'ada', when: new Date(5), bytes: Buffer.from('x'), big: 2n ** 60n }
    await store.set('sid', newSession(data))
    assert.deepEqual(dataOf(await store.get('sid')), data)
    const session = await load(store, 'sid')
    session.user = 'bob'
    await store.set('sid', session)
    assert.deepEqual(dataOf(await store.get('sid')), { ...data, user: 'bob' })
  },

  'the database holds neither the session nor its id': onMongodb(async ({ open, document }) => {
    await open({ encryption: { keys: [KEY] } }).set('sid', newSession({ user: 'ada-in-secret' }))
    const stored = await document('sid')
    assert.ok(!JSON.stringify(stored).includes('ada-in-secret'))
    const hashed = open({ hashIds: true })
    await hashed.set('hidden', newSession())
    assert.equal(await document('hidden'), null)
    assert.ok(await hashed.get('hidden'))
  }),

  'a change of keys reads what the old one wrote': onMongodb(async ({ open }) => {
    await open({ encryption: { keys: [OLD_KEY] } }).set('sid', newSession({ user: 'ada' }))
    const both = open({ encryption: { keys: [KEY, OLD_KEY] } })
    assert.equal((await both.get('sid')).user, 'ada')
    const error = await open({ encryption: { keys: [KEY] } })
      .get('sid')
      .catch((error) => error)
    assert.equal(error.code, 'ERR_STORE_DECRYPT')
  }),

  async 'a cryptoAdapter of the application encrypts by WebCrypto'({ open }) {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
      'encrypt',
      'decrypt',
    ])
    const store = open({
      cryptoAdapter: {
        async encrypt(text) {
          const iv = crypto.getRandomValues(new Uint8Array(12))
          const sealed = await crypto.subtle.encrypt(
            { name: 'AES-GCM', iv },
            key,
            Buffer.from(text),
          )
          return Buffer.concat([iv, Buffer.from(sealed)]).toString('base64')
        },
        async decrypt(text) {
          const bytes = Buffer.from(text, 'base64')
          const options = { name: 'AES-GCM', iv: bytes.subarray(0, 12) }
          const opened = await crypto.subtle.decrypt(options, key, bytes.subarray(12))
          return Buffer.from(opened).toString()
        },
      },
    })
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await store.get('sid')).user, 'ada')
  },
}
