// Encrypted sessions keep every promise of plain ones.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import { KEY, OLD_KEY, isEncrypted, rawBytes } from './encryption-support.mjs'
import { onBothApps, visitorOf } from './parallel-support.mjs'
import {
  PATIENT,
  database,
  failure,
  newSession,
  onBothEngines,
  openStore,
  until,
} from './support.mjs'

const encryption = { keys: [KEY] }

const EVERYTHING = {
  text: 'text-Kq81xW',
  when: new Date(5),
  bytes: Buffer.from('bytes-7YtQ2'),
  view: new Uint16Array([1, 2]),
  big: 2n ** 60n,
  numbers: [0, -0, 1.5, NaN, Infinity, 2 ** 40],
  id: new ObjectId(),
  pattern: /pattern-Zz4/gi,
  nothing: null,
  nested: { deep: [{ text: 'deep-91hQk' }, new Date(6)] },
  'a.b': 'dots',
  $set: 'dollars',
  '': 'empty',
  'nul\0l': 'nul',
  '\ud800': '\udfff',
  constructor: 'constructor',
}
Object.defineProperty(EVERYTHING, '__proto__', { value: 'proto-w8', enumerable: true })

/** What a session holds but for its cookie. */
function dataOf({ cookie: _cookie, ...data }) {
  return data
}

onBothEngines(test, 'whatever an encrypted session holds comes back', async (t, open) => {
  const store = open({ encryption })
  const session = newSession()
  for (const key of Object.keys(EVERYTHING)) {
    Object.defineProperty(session, key, { value: EVERYTHING[key], enumerable: true })
  }
  await store.set('sid', session)
  const read = await store.get('sid')
  assert.deepEqual(Object.keys(dataOf(read)).sort(), Object.keys(EVERYTHING).sort())
  for (const key of Object.keys(EVERYTHING)) assert.deepEqual(read[key], EVERYTHING[key])
  assert.deepEqual(read.cookie.expires, session.cookie._expires)
  assert.deepEqual(await store.all(), [read])
  assert.equal(await store.length(), 1)
})

test('no value of an encrypted session is found in the database', async (t) => {
  const { uri, db } = await database(t)
  const store = openStore(t, { uri, encryption })
  await store.set('sid', newSession({ ...EVERYTHING, path: 'visible only as a name' }))
  const stored = await rawBytes(db)
  assert.notEqual(stored.indexOf('path'), -1)
  const values = ['text-Kq81xW', 'bytes-7YtQ2', 'pattern-Zz4', 'deep-91hQk', 'dollars', 'visible']
  for (const value of values) assert.equal(stored.indexOf(value), -1, value)
  assert.equal(stored.indexOf(KEY.subarray(0, 7)), -1)
})

const FILLINGS = { small: 'x', large: 'x'.repeat(10_000) }

for (const [size, filling] of Object.entries(FILLINGS)) {
  test(`a save writes only what has changed of a ${size} encrypted session`, async (t) => {
    const { uri, sessions } = await database(t)
    const visitor = await visitorOf(t, openStore(t, { uri, encryption }))
    await visitor.login({ stay: filling, change: 1, remove: 1, 'a.b': 1, $c: 1 })
    const stored = async () => (await sessions.findOne({ _id: visitor.sid })).session
    const before = await stored()
    await visitor.request(({ session }) => {
      session.change = 2
      delete session.remove
    })
    const after = await stored()
    assert.deepEqual(Object.keys(after), ['cookie', 'stay', 'change', 'a.b', '$c'])
    for (const name of ['stay', 'a.b', '$c']) assert.deepEqual(after[name], before[name])
    assert.notDeepEqual(after.change, before.change)
    // A name that no path of an update can hold.
    await visitor.request(({ session }) => {
      session['a.b'] = 2
      delete session.$c
    })
    const last = await stored()
    assert.deepEqual(Object.keys(last).sort(), ['a.b', 'change', 'cookie', 'stay'])
    for (const name of ['stay', 'change']) assert.deepEqual(last[name], after[name])
    assert.ok(Object.values(last).every(isEncrypted))
    assert.deepEqual(await visitor.data(), { stay: filling, change: 2, 'a.b': 2 })
  })
}

test('a touch leaves the encrypted session as it is', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, encryption })
  await store.set('sid', newSession({ user: 'ada' }))
  const before = await sessions.findOne({ _id: 'sid' })
  await store.touch('sid', newSession({}, 600_000))
  const after = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(after.session, before.session)
  assert.ok(after.expires > before.expires)
  assert.deepEqual((await store.get('sid')).cookie.expires, after.expires)
})

onBothApps(
  'parallel changes of different keys of an encrypted session all survive',
  { encryption },
  async (t, visitor) => {
    await visitor.login({ a: 0, b: 0 })
    for (let round = 1; round <= 20; round++) {
      await visitor.atOnce(
        (session) => void (session.a = round),
        (session) => void (session.b = round),
        (session) => void (session['c.d'] = round),
      )
      assert.deepEqual(await visitor.data(), { a: round, b: round, 'c.d': round })
    }
  },
)

onBothApps(
  'an encrypted session that was destroyed stays destroyed',
  { encryption },
  async (t, visitor, { store }) => {
    const sid = await visitor.login()
    await visitor.request(async (req) => {
      await store.destroy(sid)
      req.session.late = true
    })
    assert.equal(await store.get(sid), null)
    await until(() => store.events.length > 0, 'the discard')
    assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
  },
)

onBothEngines(test, 'an encrypted session can be flagged as deleted', async (t, open) => {
  const store = open({ encryption, deleteFlags: true })
  await store.set('sid', newSession({ user: 'ada' }))
  await store.destroy('sid')
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.cleanup(), 1)
})

test('an older key still decrypts, and the first one encrypts from then on', async (t) => {
  const { uri, sessions } = await database(t)
  const old = openStore(t, { uri, encryption: { keys: [OLD_KEY] } })
  await old.set('sid', newSession({ user: 'ada', n: 1 }))
  await old.set('idle', newSession({ user: 'bob' }))
  const rotating = openStore(t, { uri, encryption: { keys: [KEY, OLD_KEY] } })
  assert.deepEqual(dataOf(await rotating.get('sid')), { user: 'ada', n: 1 })
  await rotating.set('sid', newSession({ user: 'ada', n: 2 }))
  assert.deepEqual(dataOf(await rotating.get('idle')), { user: 'bob' })
  const rotated = openStore(t, { uri, encryption: { keys: [KEY] } })
  assert.deepEqual(dataOf(await rotated.get('sid')), { user: 'ada', n: 2 })
  for (const [store, sid] of [
    [old, 'sid'],
    [rotated, 'idle'],
  ]) {
    // prettier-ignore
    const error = await failure(store.get(sid))
    assert.equal(error.code, 'ERR_STORE_DECRYPT')
    assert.match(error.message, /key that is not among/)
  }
  assert.equal(await sessions.countDocuments(), 2)
})

test('a session under two keys reads as one', async (t) => {
  const { uri } = await database(t)
  const old = await visitorOf(t, openStore(t, { uri, encryption: { keys: [OLD_KEY] } }))
  await old.login({ a: 1, b: 1 })
  const rotating = openStore(t, { uri, encryption: { keys: [KEY, OLD_KEY] } })
  const visitor = await visitorOf(t, rotating)
  visitor.browser.cookies = old.browser.cookies
  await visitor.request(({ session }) => void (session.b = 2))
  assert.deepEqual(await visitor.data(), { a: 1, b: 2 })
  // What was written under the new key is not for who has the old one alone.
  assert.equal((await failure(old.data())).code, 'ERR_STORE_DECRYPT')
})

test('a document just above the limit is refused by the size that it has encrypted', async (t) => {
  const { uri, sessions } = await database(t)
  // A debug build on a busy machine takes so long for 16 MB that the driver's monitor, which has to wait for it, would
  // take the server for lost.
  const driverOptions = { connectTimeoutMS: 60_000 }
  const patient = { uri, operationTimeout: 60_000, driverOptions }
  const plain = openStore(t, patient)
  const encrypting = openStore(t, { ...patient, encryption })
  const room = 16 * 1024 * 1024 - 300
  const session = newSession({ filling: 'x'.repeat(room) })
  await plain.set('sid', session)
  const error = await failure(encrypting.set('sid', newSession({ ...session, a: 1, b: 1, c: 1 })))
  assert.equal(error.code, 'ERR_STORE_TOO_LARGE')
  assert.ok(!isEncrypted((await sessions.findOne({ _id: 'sid' })).session.filling))
  await encrypting.set('sid', newSession({ filling: 'x'.repeat(room - 1000) }))
  assert.equal((await encrypting.get('sid')).filling.length, room - 1000)
})

onBothEngines(test, 'passphrases are keys, too, from the first call on', async (t, open) => {
  const keys = ['correct horse battery staple', 'an older passphrase']
  // To derive a key is slow on purpose, and slower on a busy machine.
  const store = open({ ...PATIENT, encryption: { keys } })
  const calls = [store.set('sid', newSession({ user: 'ada' })), store.get('sid'), store.all()]
  const [, read, all] = await Promise.all(calls)
  assert.equal(read.user, 'ada')
  assert.deepEqual(all, [read])
})

test('a call does not wait longer for a passphrase than its time', async (t) => {
  // Deriving a key takes a hundred times as long on any machine.
  const keys = ['correct horse battery staple', 'another long passphrase']
  let store
  // If this process stands still in between, the keys of a store may be there before its call.
  const error = await until(() => {
    store = openStore(t, { uri: 'memory:', encryption: { keys }, operationTimeout: 1 })
    return store.get('sid').then(
      () => undefined,
      (error) => error,
    )
  }, 'a call that is there before the keys')
  assert.equal(error.code, 'ERR_STORE_TIMEOUT')
  await until(async () => (await store.get('sid').catch(() => {})) === null, 'the keys')
})
