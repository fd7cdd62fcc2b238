// Sessions that are stored in the clear are encrypted by the loop of docs/encryption.md.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../scripts/step.mjs'
import { blocksOf } from './docs/pages.mjs'
import { KEY, isEncrypted } from './encryption-support.mjs'
import { database, failure, newSession, openStore } from './support.mjs'

test('the loop of the page encrypts every session that is left, and keeps its expiry', async (t) => {
  const { uri, sessions } = await database(t)
  const plain = openStore(t, { uri })
  const names = Array.from({ length: 20 }, (_, n) => `sid-${n}`)
  for (const [n, sid] of names.entries()) {
    await plain.set(sid, newSession({ n, when: new Date(n), nested: { n } }))
  }
  const expiries = () => sessions.find({}, { projection: { expires: 1 } }).toArray()
  const before = await expiries()

  const page = await readFile(join(root, 'docs', 'encryption.md'), 'utf8')
  const { code } = blocksOf(page).find(({ code }) => code.includes('store.scan()'))
  const store = openStore(t, { uri, encryption: { keys: [KEY], acceptUnencrypted: true } })
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
  await new AsyncFunction('store', code)(store)

  for (const { session } of await sessions.find().toArray()) {
    assert.ok(Object.values(session).every(isEncrypted))
  }
  assert.deepEqual(await expiries(), before)
  const strict = openStore(t, { uri, encryption: { keys: [KEY] } })
  for (const [n, sid] of names.entries()) {
    const { when, nested, ...session } = await strict.get(sid)
    assert.deepEqual([session.n, when, nested], [n, new Date(n), { n }])
  }
  assert.equal((await failure(plain.get('sid-0'))).code, 'ERR_STORE_DECRYPT')
})
