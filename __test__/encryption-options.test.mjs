// Keys go in and are seen nowhere afterwards.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import { KEY } from './encryption-support.mjs'
import { newSession, openStore, ownMongod, runProgram } from './support.mjs'

const BAD = [
  { encryption: null, names: "'encryption'" },
  { encryption: 'correct horse battery staple', names: "'encryption'" },
  { encryption: [KEY], names: "'encryption'" },
  { encryption: {}, names: "'encryption.keys'" },
  { encryption: { keys: [] }, names: "'encryption.keys'" },
  { encryption: { keys: undefined }, names: "'encryption.keys'" },
  { encryption: { keys: KEY }, names: "'encryption.keys'" },
  { encryption: { keys: 'correct horse battery staple' }, names: "'encryption.keys'" },
  { encryption: { keys: [5] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [KEY, null] }, names: "'encryption.keys[1]'" },
  { encryption: { keys: new Array(1) }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [KEY.subarray(1)] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [Buffer.alloc(33)] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [Buffer.alloc(0)] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [new Uint16Array(16)] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [KEY, ''] }, names: "'encryption.keys[1]'" },
  { encryption: { keys: ['14 characters!'] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: ['\ud800'.repeat(20)] }, names: "'encryption.keys[0]'" },
  { encryption: { keys: [KEY], acceptUnencrypted: 1 }, names: "'encryption.acceptUnencrypted'" },
  { encryption: { keys: [KEY], context: 5 }, names: "'encryption.context'" },
  { encryption: { keys: [KEY], context: '' }, names: "'encryption.context'" },
  { encryption: { key: [KEY] }, names: "'encryption.key', did you mean 'encryption.keys'?" },
  {
    encryption: { keys: [KEY], algorithm: 'none' },
    names: "unknown option 'encryption.algorithm'",
  },
  { encyption: { keys: [KEY] }, names: "'encyption', did you mean 'encryption'?" },
  { hashIds: 'yes', names: "'hashIds'" },
  { hashids: true, names: "'hashids', did you mean 'hashIds'?" },
]

test('a bad key or a misspelt option is refused by its name', () => {
  for (const { names, ...options } of BAD) {
    assert.throws(
      () => new MongoSessionStore({ uri: 'memory:', ...options }),
      (error) => {
        assert.ok(error instanceof TypeError)
        assert.equal(error.code, 'ERR_STORE_OPTION')
        assert.ok(error.message.includes(names), `${error.message} should name ${names}`)
        return !error.message.includes('horse') && !error.message.includes('14 char')
      },
    )
  }
})

test('any Uint8Array of 32 bytes and a passphrase of 15 characters are keys', async (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(32)).fill(7)
  const keys = [new Uint8Array(32), new Uint8Array(new ArrayBuffer(99), 7, 32), shared]
  for (const key of [...keys, KEY, 'fifteen letters', '😀'.repeat(15)]) {
    const store = openStore(t, { uri: 'memory:', encryption: { keys: [key] } })
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await store.get('sid')).user, 'ada')
  }
})

test('the options of the caller are never changed, and may be frozen', async (t) => {
  const keys = Object.freeze([Buffer.from(KEY), 'correct horse battery staple'])
  const encryption = Object.freeze({ keys, acceptUnencrypted: undefined })
  openStore(t, Object.freeze({ uri: 'memory:', encryption, hashIds: true }))
  assert.deepEqual(keys, [KEY, 'correct horse battery staple'])
})

test('the caller may wipe a key as soon as the store is constructed', async (t) => {
  const uri = 'memory:'
  const keys = [Buffer.from(KEY), Buffer.alloc(32, 'other')]
  const store = openStore(t, { uri, encryption: { keys } })
  for (const key of keys) key.fill(0)
  keys.length = 0
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await store.get('sid')).user, 'ada')
})

/** Secrets that no program has to spell out. */
const secret = (name) => createHash('sha256').update(name).digest()

/** Whether a snapshot shows a part of a text: V8 keeps a long one in pieces, of 32 characters or so. */
function showsPartOf(snapshot, text) {
  for (let start = 0; start + 12 <= text.length; start++) {
    if (snapshot.includes(text.slice(start, start + 12))) return true
  }
  return false
}

test('no key, passphrase or password is left in the heap', async (t) => {
  const password = secret('password').toString('hex')
  const mongod = await ownMongod(t, { auth: { user: 'root', password } })
  const { code, stdout, stderr } = await runProgram(`
    import { createHash } from 'node:crypto'
    import { getHeapSnapshot } from 'node:v8'

    const secret = (name) => createHash('sha256').update(name).digest()
    const control = { text: secret('control').toString('hex') }
    const weak = []

    function open() {
      const key = secret('key')
      const keys = [key, secret('passphrase').toString('hex')]
      const uri = \`mongodb://root:\${secret('password').toString('hex')}@127.0.0.1:${mongod.port}/test?authSource=admin\`
      const options = { uri, encryption: { keys }, hashIds: true }
      const store = new MongoSessionStore(options)
      key.fill(0)
      weak.push(new WeakRef(options), new WeakRef(options.encryption), new WeakRef(keys), new WeakRef(key))
      return store
    }

    const store = open()
    // A log-in takes a busy machine longer than a server is waited for.
    const answers = () => store.ping().then(() => true, () => false)
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 50))
    await store.set('sid', { cookie: { path: '/' }, user: 'ada' })
    const { user } = await store.get('sid')
    // Taking a snapshot collects what nothing refers to.
    const snapshot = getHeapSnapshot()
    for await (const chunk of snapshot) process.stdout.write(chunk)
    const left = weak.filter((each) => each.deref() !== undefined).length
    process.stderr.write(JSON.stringify({ user, left, control: control.text.length }))
    await store.close()
    `)
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\{"user":"ada","left":0,"control":64\}/)
  assert.ok(showsPartOf(stdout, secret('control').toString('hex')), 'a snapshot shows strings')
  for (const name of ['key', 'passphrase', 'password']) {
    for (const encoding of ['hex', 'base64', 'base64url']) {
      assert.ok(!showsPartOf(stdout, secret(name).toString(encoding)), `${name} as ${encoding}`)
    }
  }
})
