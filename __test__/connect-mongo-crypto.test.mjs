// The ways to encrypt that the adapter takes over from connect-mongo.
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import * as peer from 'connect-mongo'
import MongoStore, {
  createKrupteinAdapter,
  createSecretAdapter,
  createWebCryptoAdapter,
} from '../lib/adapters/connect-mongo.mjs'
import { root } from '../scripts/step.mjs'
import { openAdapter } from './connect-mongo-support.mjs'
import { database, failure, load, newSession, openStore } from './support.mjs'

const TEXT = '{"cookie":{"path":"/"},"user":"Lovelace 🎲"}'
const SECRET = 'squirrel'

/** Fewer rounds than the default, which is slow on purpose. */
const iterations = 1000

/** The options of a store that encrypts, by what it encrypts with. */
const WAYS = {
  crypto: { crypto: { secret: SECRET } },
  'crypto in hexadecimal': { crypto: { secret: SECRET, encodeas: 'hex', hashing: 'sha256' } },
  'crypto without an authentication tag': {
    crypto: { secret: SECRET, algorithm: 'aes-256-cbc' },
  },
  secret: { secret: SECRET },
  'secret in base64': { secret: SECRET, encodeas: 'base64', hashing: 'sha256' },
  'Web Crypto': { cryptoAdapter: createWebCryptoAdapter({ secret: SECRET, iterations }) },
  'functions of the application': {
    cryptoAdapter: {
      encrypt: (text) => Buffer.from(text).toString('base64'),
      decrypt: async (text) => Buffer.from(text, 'base64').toString(),
    },
  },
}

for (const [way, options] of Object.entries(WAYS)) {
  test(`by ${way}, sessions are stored encrypted and read again`, async (t) => {
    const { uri, sessions } = await database(t)
    for (const stringify of [true, false]) {
      const store = openAdapter(t, { mongoUrl: uri, stringify, ...options })
      await store.set('sid', newSession({ user: 'Lovelace 🎲', n: 1 }))
      const { session } = await sessions.findOne()
      assert.equal(typeof session, 'string')
      assert.doesNotMatch(session, /Lovelace|cookie/)
      assert.equal((await store.get('sid')).user, 'Lovelace 🎲')
      const loaded = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
      loaded.n = 2
      await store.set('sid', loaded)
      assert.equal((await store.get('sid')).n, 2)
      assert.notEqual((await sessions.findOne()).session, session)
      assert.equal((await store.all())[0].n, 2)
      await store.destroy('sid')
      assert.deepEqual(store.events, [])
    }
  })

  test(`by ${way}, a session that is not encrypted is read and encrypted by its next save`, async (t) => {
    const { uri, sessions } = await database(t)
    await sessions.insertOne({
      _id: 'sid',
      session: JSON.stringify(newSession({ user: 'Lovelace' })),
    })
    const store = openAdapter(t, { mongoUrl: uri, ...options })
    const loaded = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
    assert.equal(loaded.user, 'Lovelace')
    loaded.n = 1
    await store.set('sid', loaded)
    assert.doesNotMatch((await sessions.findOne()).session, /Lovelace/)
    assert.equal((await store.get('sid')).n, 1)
  })
}

test('a wrong secret is an error that tells nothing of the session or of the secret', async (t) => {
  const { uri } = await database(t)
  const webCrypto = (secret) => createWebCryptoAdapter({ secret, iterations })
  for (const [right, wrong] of [
    [{ crypto: { secret: SECRET } }, { crypto: { secret: 'hedgehog' } }],
    [{ secret: SECRET }, { secret: 'hedgehog' }],
    [{ cryptoAdapter: webCrypto(SECRET) }, { cryptoAdapter: webCrypto('hedgehog') }],
  ]) {
    const writer = openAdapter(t, { mongoUrl: uri, ...right })
    const reader = openAdapter(t, { mongoUrl: uri, ...wrong })
    await writer.set('the-sid', newSession({ user: 'Lovelace' }))
    const error = await failure(reader.get('the-sid'))
    assert.equal(error.code, 'ERR_STORE_DECRYPT')
    assert.doesNotMatch(
      `${error.stack} ${error.cause?.stack}`,
      /the-sid|Lovelace|hedgehog|squirrel/,
    )
  }
})

test('crypto reads what version 3 has written with the same secret', async (t) => {
  const { uri, sessions } = await database(t)
  const old = openAdapter(t, { mongoUrl: uri, secret: SECRET })
  const store = openAdapter(t, { mongoUrl: uri, crypto: { secret: SECRET } })
  const both = openAdapter(t, { mongoUrl: uri, secret: SECRET, crypto: { secret: 'new' } })
  await old.set('sid', newSession({ user: 'Lovelace' }))
  assert.equal((await store.get('sid')).user, 'Lovelace')
  const loaded = both.createSession({ sessionID: 'sid' }, await both.get('sid'))
  loaded.n = 1
  await both.set('sid', loaded)
  assert.doesNotMatch((await sessions.findOne()).session, /^"/)
  assert.equal((await both.get('sid')).n, 1)
})

test('an adapter that only decrypts leads out of the encryption', async (t) => {
  const { uri, sessions } = await database(t)
  const encrypting = openAdapter(t, { mongoUrl: uri, crypto: { secret: SECRET } })
  const { decrypt } = createKrupteinAdapter({ secret: SECRET })
  const store = openAdapter(t, { mongoUrl: uri, cryptoAdapter: { decrypt } })
  await encrypting.set('sid', newSession({ user: 'Lovelace' }))
  const loaded = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
  assert.equal(loaded.user, 'Lovelace')
  loaded.n = 1
  await store.set('sid', loaded)
  assert.equal(JSON.parse((await sessions.findOne()).session).n, 1)
  assert.equal((await store.get('sid')).n, 1)
})

test("the adapter of the option 'secret' leads out of connect-mongo's options", async (t) => {
  const { uri, sessions } = await database(t)
  for (const [of, options] of Object.entries({ default: {}, others: { encodeas: 'base64' } })) {
    const old = openAdapter(t, { mongoUrl: uri, secret: SECRET, ...options })
    await old.set(of, newSession({ user: 'Lovelace' }))
    const { encrypt, decrypt } = createSecretAdapter({ secret: SECRET, ...options })
    const same = openStore(t, { uri, cryptoAdapter: { encrypt, decrypt } })
    const session = await load(same, of)
    assert.equal(session.user, 'Lovelace')
    session.n = 1
    await same.set(of, session)
    assert.equal((await old.get(of)).n, 1)

    const plain = openStore(t, { uri, cryptoAdapter: { decrypt } })
    await plain.set(of, await load(plain, of))
    assert.equal((await sessions.findOne({ _id: of })).session.user, 'Lovelace')
  }
})

test('a text that has been tampered with does not decrypt', async (t) => {
  const { uri, sessions } = await database(t)
  for (const options of [{ crypto: { secret: SECRET } }, { secret: SECRET }, WAYS['Web Crypto']]) {
    const store = openAdapter(t, { mongoUrl: uri, ...options })
    await store.set('sid', newSession())
    const { session } = await sessions.findOne()
    for (const changed of [
      session.slice(0, -9),
      `${session.slice(0, 40)}AAAA${session.slice(44)}`,
    ]) {
      await sessions.updateOne({}, { $set: { session: changed } })
      assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_DECRYPT')
    }
  }
})

test("each side's adapters decrypt what the other's encrypt", async () => {
  const buffer = new TextEncoder().encode(SECRET)
  for (const [name, options] of [
    ['createKrupteinAdapter', { secret: SECRET }],
    ['createKrupteinAdapter', { secret: SECRET, encodeas: 'hex', hashing: 'sha384' }],
    ['createWebCryptoAdapter', { secret: SECRET }],
    ['createWebCryptoAdapter', { secret: buffer, iterations, encoding: 'hex' }],
    ['createWebCryptoAdapter', { secret: buffer.buffer, iterations, encoding: 'base64url' }],
    ['createWebCryptoAdapter', { secret: SECRET, iterations, salt: 'salt', ivLength: 16 }],
    ['createWebCryptoAdapter', { secret: SECRET, iterations, salt: buffer, algorithm: 'AES-CBC' }],
  ]) {
    const ours = { createKrupteinAdapter, createWebCryptoAdapter }[name](options)
    const theirs = peer[name](options)
    assert.equal(textOf(await ours.decrypt(await theirs.encrypt(TEXT))), TEXT)
    assert.equal(textOf(await theirs.decrypt(await ours.encrypt(TEXT))), TEXT)
    assert.notEqual(await ours.encrypt(TEXT), await ours.encrypt(TEXT))
  }
})

/** kruptein makes JSON of what is JSON already. */
function textOf(decrypted) {
  return decrypted.startsWith('"') ? JSON.parse(decrypted) : decrypted
}

test('what is encrypted for Web Crypto can be decrypted by Web Crypto', async () => {
  const adapter = createWebCryptoAdapter({ secret: SECRET, iterations, salt: 'salt' })
  const bytes = Buffer.from(await adapter.encrypt(TEXT), 'base64')
  const { subtle } = webcrypto
  const secret = await subtle.importKey('raw', Buffer.from(SECRET), 'PBKDF2', false, ['deriveKey'])
  const derivation = { name: 'PBKDF2', salt: Buffer.from('salt'), iterations, hash: 'SHA-256' }
  const type = { name: 'AES-GCM', length: 256 }
  const key = await subtle.deriveKey(derivation, secret, type, false, ['decrypt'])
  const cipher = { name: 'AES-GCM', iv: bytes.subarray(0, 12) }
  const decrypted = await subtle.decrypt(cipher, key, bytes.subarray(12))
  assert.equal(Buffer.from(decrypted).toString(), TEXT)
})

test('a secret may be wiped as soon as the adapter is made', async () => {
  const secret = Buffer.from(SECRET)
  const adapter = createWebCryptoAdapter({ secret, iterations })
  secret.fill(0)
  const same = createWebCryptoAdapter({ secret: SECRET, iterations })
  assert.equal(await same.decrypt(await adapter.encrypt(TEXT)), TEXT)
})

test('crypto with the secret false encrypts nothing', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, crypto: { secret: false } })
  await store.set('sid', newSession({ user: 'Lovelace' }))
  assert.match((await sessions.findOne()).session, /"user":"Lovelace"/)
})

test('what cannot encrypt is refused by name', () => {
  const mongoUrl = 'memory:'
  const cryptoAdapter = createWebCryptoAdapter({ secret: SECRET })
  for (const [make, message] of [
    [() => MongoStore.create({ mongoUrl, crypto: {} }), /option 'crypto\.secret'/],
    [() => MongoStore.create({ mongoUrl, crypto: { secret: '' } }), /option 'crypto\.secret'/],
    [() => new MongoStore({ mongoUrl, secret: 5 }), /option 'secret'/],
    [
      () => MongoStore.create({ mongoUrl, crypto: { secret: SECRET }, cryptoAdapter }),
      /'crypto' and 'cryptoAdapter' exclude each other/,
    ],
    [() => MongoStore.create({ mongoUrl, cryptoAdapter: {} }), /'cryptoAdapter/],
    [() => createKrupteinAdapter({}), /'secret'/],
    [() => createSecretAdapter(), /'secret'/],
    [() => createSecretAdapter({ secret: '' }), /'secret'/],
    [() => createSecretAdapter({ secret: false }), /'secret'/],
    [() => createWebCryptoAdapter({}), /'secret'/],
    [() => createWebCryptoAdapter({ secret: '' }), /'secret'/],
    [() => createWebCryptoAdapter({ secret: 5 }), /'secret'/],
    [() => createWebCryptoAdapter({ secret: SECRET, encoding: 'utf8' }), /'encoding'/],
    [() => createWebCryptoAdapter({ secret: SECRET, algorithm: 'AES-CTR' }), /'algorithm'/],
  ]) {
    assert.throws(make, { name: 'TypeError', code: 'ERR_STORE_OPTION', message })
  }
})

/** A copy of the adapters beside which another version of kruptein is installed. */
async function beside(t, version) {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-kruptein-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await cp(join(root, 'lib'), join(folder, 'lib'), { recursive: true })
  if (version !== undefined) {
    const kruptein = join(folder, 'node_modules', 'kruptein')
    await mkdir(kruptein, { recursive: true })
    await writeFile(join(kruptein, 'package.json'), JSON.stringify({ name: 'kruptein', version }))
    await writeFile(join(kruptein, 'index.js'), 'module.exports = () => ({})')
  }
  return createRequire(import.meta.url)(join(folder, 'lib/adapters/connect-mongo/crypto.cjs'))
}

test('a version of kruptein that cannot read what is stored is refused by name', async (t) => {
  for (const version of ['3.0.7', '3.1.7', '3.4.0', '4.0.0', undefined]) {
    const { cryptoAdapterOf } = await beside(t, version)
    assert.throws(
      () => cryptoAdapterOf({ crypto: { secret: SECRET } }),
      (error) => {
        assert.equal(error.code, 'ERR_STORE_OPTION')
        assert.match(error.message, /option 'crypto' needs .*kruptein.*kruptein@~3\.0\.8/)
        if (version !== undefined) assert.ok(error.message.includes(`found ${version}`))
        else assert.equal(error.cause.code, 'MODULE_NOT_FOUND')
        return true
      },
    )
  }
  const { cryptoAdapterOf } = await beside(t, '3.0.9')
  assert.ok(cryptoAdapterOf({ crypto: { secret: SECRET } }).decrypt)
})

test('why a session cannot be decrypted is the cause', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertOne({ _id: 'sid', session: 'no text of kruptein' })
  const store = openAdapter(t, { mongoUrl: uri, crypto: { secret: SECRET } })
  const error = await failure(store.get('sid'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
  assert.ok(error.cause instanceof Error)
})
