// What was changed, moved or forged in the database is an error and never a session.
import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import express from 'express'
import { Binary } from 'mongodb'
import { KEY, OLD_KEY, SUBTYPE, isEncrypted } from './encryption-support.mjs'
import { Browser, serve, sessionOf } from './express-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { database, failure, newSession, openStore, until } from './support.mjs'

const encryption = { keys: [KEY] }

/** A store with one encrypted session, `sid`, and what changes its fields behind its back. */
async function stored(t, options) {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, encryption, ...options })
  await store.set('sid', newSession({ user: 'ada', admin: false }))
  const { session } = await sessions.findOne({ _id: 'sid' })
  const change = (fields) => sessions.updateOne({ _id: 'sid' }, { $set: fields })
  return { uri, sessions, store, session, change }
}

function binary(bytes) {
  return new Binary(bytes, SUBTYPE)
}

/** The bytes of a stored value with one of them changed. */
function flipped(value, position) {
  const bytes = Buffer.from(value.value())
  bytes[position < 0 ? bytes.length + position : position] ^= 1
  return binary(bytes)
}

const TAMPERINGS = {
  'a changed version': [({ user }) => ({ 'session.user': flipped(user, 0) }), /format 3/],
  'a changed key id': [({ user }) => ({ 'session.user': flipped(user, 1) }), /not among/],
  'a changed nonce': [({ user }) => ({ 'session.user': flipped(user, 5) }), /changed/],
  'a changed value': [({ user }) => ({ 'session.user': flipped(user, 17) }), /changed/],
  'a changed tag': [({ user }) => ({ 'session.user': flipped(user, -1) }), /changed/],
  'a changed cookie': [({ cookie }) => ({ 'session.cookie': flipped(cookie, 20) }), /changed/],
  'a value cut short': [
    ({ user }) => ({ 'session.user': binary(Buffer.from(user.value()).subarray(0, 30)) }),
    /changed/,
  ],
  'an empty value': [() => ({ 'session.user': binary(Buffer.alloc(0)) }), /changed/],
  'a value of another field': [({ user }) => ({ 'session.admin': user }), /changed/],
  'a plain value': [() => ({ 'session.admin': true }), /not encrypted/],
  'another subtype': [
    ({ user }) => ({ 'session.user': new Binary(user.value(), 0) }),
    /not encrypted/,
  ],
}

for (const [what, [tamper, message]] of Object.entries(TAMPERINGS)) {
  test(`${what} is an error`, async (t) => {
    const { store, sessions, session, change } = await stored(t)
    await change(tamper(session))
    const before = await sessions.findOne({ _id: 'sid' })
    const error = await failure(store.get('sid'))
    assert.equal(error.name, 'MongoSessionStoreError')
    assert.equal(error.code, 'ERR_STORE_DECRYPT')
    assert.match(error.message, message)
    assert.deepEqual(await sessions.findOne({ _id: 'sid' }), before)
  })
}

test('a session moved to another id is an error', async (t) => {
  const { store, sessions, session } = await stored(t)
  const expires = new Date(Date.now() + 60_000)
  await sessions.insertOne({ _id: 'stolen', expires, session })
  const error = await failure(store.get('stolen'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
  assert.equal((await store.get('sid')).user, 'ada')
})

test('a session copied to another collection is an error, unless that is given its context', async (t) => {
  const { uri, sessions } = await stored(t)
  const collection = 'restored'
  await sessions.aggregate([{ $out: collection }]).toArray()
  const open = (more) => openStore(t, { uri, collection, encryption: { ...encryption, ...more } })
  const error = await failure(open().get('sid'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
  assert.match(error.message, /another collection/)
  assert.equal((await open({ context: 'sessions' }).get('sid')).user, 'ada')
})

test('a session copied to another database is an error where the contexts differ', async (t) => {
  const context = (name) => ({ ...encryption, context: name })
  const { sessions } = await stored(t, { encryption: context('shop') })
  const other = await database(t)
  await other.sessions.insertMany(await sessions.find().toArray())
  const store = openStore(t, { uri: other.uri, encryption: context('admin') })
  const error = await failure(store.get('sid'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
})

test('an application answers an error for a forged session, and writes nothing', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, encryption })
  const app = express()
  app.use(sessionOf(store, { rolling: true }))
  app.post('/', (req, res) => res.send(`${(req.session.visits = (req.session.visits ?? 0) + 1)}`))
  app.use((error, req, res, _next) => res.status(500).send(error.code))
  const browser = new Browser(await serve(t, app))
  await browser.post('/')
  await sessions.updateOne({}, { $set: { 'session.visits': 1000 } })
  const before = await sessions.findOne({})
  const { status, text } = await browser.post('/')
  assert.deepEqual([status, text], [500, 'ERR_STORE_DECRYPT'])
  assert.deepEqual(await sessions.find({}).toArray(), [before])
})

test('no error holds a key, a session id or a value', async (t) => {
  const { uri, sessions } = await database(t)
  const passphrase = 'passphrase-hG72kQ'
  const store = openStore(t, { uri, encryption: { keys: [passphrase, KEY] } })
  await store.set('sid-5f0cA7Qz', newSession({ user: 'value-Kq81xW' }))
  await sessions.updateOne({}, { $set: { 'session.user': 'forged-0Zt' } })
  const error = await failure(store.get('sid-5f0cA7Qz'))
  const view = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.stack
  const shown = inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store)
  for (const secret of [
    passphrase,
    'sid-5f0cA7Qz',
    'value-Kq81xW',
    'forged-0Zt',
    KEY.toString('latin1'),
    KEY.toString('hex'),
  ]) {
    // prettier-ignore
    assert.ok(!view.includes(secret), view)
    assert.ok(!shown.includes(secret), shown)
  }
})

test('a session that cannot be decrypted does not hide the others from all()', async (t) => {
  const { store, sessions, change } = await stored(t)
  await store.set('other', newSession({ user: 'bob' }))
  await change({ 'session.admin': true })
  const all = await store.all()
  assert.deepEqual(all.map(({ user }) => user), ['bob']) // prettier-ignore
  await until(() => store.events.length > 0, 'the warning')
  const [{ name, value }] = store.events
  assert.equal(name, 'warning')
  assert.equal(value.code, 'ERR_STORE_DECRYPT')
  assert.equal(await sessions.countDocuments(), 2)
})

test('a session that cannot be decrypted can be destroyed', async (t) => {
  const { store, change } = await stored(t)
  await change({ 'session.admin': true })
  await store.destroy('sid')
  assert.equal(await store.get('sid'), null)
})

test('a store without keys does not serve an encrypted session', async (t) => {
  const { uri } = await stored(t)
  const plain = openStore(t, { uri })
  const error = await failure(plain.get('sid'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
  assert.match(error.message, /has no keys/)
  assert.deepEqual(await plain.all(), [])
  await until(() => plain.events.length > 0, 'the warning')
  assert.equal(plain.events[0].value.code, 'ERR_STORE_DECRYPT')
})

test('a store cannot be made to store what it would take for an encrypted value', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const value = new Binary(Buffer.from('abc'), SUBTYPE)
  const error = await failure(store.set('sid', newSession({ value })))
  assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
})

test('a plain session is refused unless plain sessions are accepted', async (t) => {
  const { uri } = await database(t)
  const plain = openStore(t, { uri })
  await plain.set('sid', newSession({ user: 'ada' }))
  const strict = openStore(t, { uri, encryption })
  const error = await failure(strict.get('sid'))
  assert.equal(error.code, 'ERR_STORE_DECRYPT')
  assert.match(error.message, /not encrypted/)
  const accepting = openStore(t, { uri, encryption: { keys: [KEY], acceptUnencrypted: true } })
  assert.equal((await accepting.get('sid')).user, 'ada')
  await accepting.set('sid', newSession({ user: 'ada' }))
  assert.equal((await strict.get('sid')).user, 'ada')
})

test('accepting plain sessions does not accept forged ones', async (t) => {
  const { store, session, change } = await stored(t, {
    encryption: { keys: [KEY], acceptUnencrypted: true },
  })
  await change({ 'session.user': flipped(session.user, 20) })
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_DECRYPT')
})

test('a save of an accepted plain session encrypts what it writes and loses no update', async (t) => {
  const { uri, sessions } = await database(t)
  const plain = await visitorOf(t, openStore(t, { uri }))
  await plain.login({ a: 0, b: 0, stay: 'plain' })
  const store = openStore(t, { uri, encryption: { keys: [KEY, OLD_KEY], acceptUnencrypted: true } })
  const visitor = await visitorOf(t, store)
  visitor.browser.cookies = plain.browser.cookies
  await visitor.atOnce(
    (session) => void (session.a = 1),
    (session) => void (session.b = 1),
  )
  assert.deepEqual(await visitor.data(), { a: 1, b: 1, stay: 'plain' })
  const { session } = await sessions.findOne({ _id: visitor.sid })
  assert.ok([session.cookie, session.a, session.b].every(isEncrypted))
  assert.equal(session.stay, 'plain')
  await visitor.request(({ session }) => void (session.stay = 'changed'))
  assert.deepEqual(await visitor.data(), { a: 1, b: 1, stay: 'changed' })
  const { session: after } = await sessions.findOne({ _id: visitor.sid })
  assert.ok(Object.values(after).every(isEncrypted))
})
