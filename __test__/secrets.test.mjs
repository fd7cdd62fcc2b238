// A session id is a credential, and so is a password; sessions are private.
import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import { withUser } from '../scripts/mongodb-uri.mjs'
import { database, failure, freePort, newSession, openStore, ownMongod, until } from './support.mjs'

const SID = 'sid-5f0cA7Qz'
const VALUE = 'value-Kq81xW'
const PASSWORD = 'pass-7YtQ2'
const session = (data) => newSession({ user: VALUE, ...data })

/** Neither a secret nor its form in a connection string or in base64 may be found. */
const SECRETS = [SID, VALUE, PASSWORD].flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').slice(1, -3),
])

function assertDiscreet(error) {
  const views = [
    error.message,
    error.stack,
    String(error),
    JSON.stringify(error),
    JSON.stringify(Object.getOwnPropertyDescriptors(error)),
    inspect(error, { depth: 9, showHidden: true }),
    inspect(error.cause, { depth: 9, showHidden: true }),
  ].join('\n')
  for (const secret of SECRETS) assert.ok(!views.includes(secret), views)
}

/** Runs operations that must fail, and checks every error and event. */
async function provoke(store, operations) {
  const errors = await Promise.all(operations.map((operation) => failure(operation(store))))
  for (const error of [...errors, ...store.events.map(({ value }) => value)]) assertDiscreet(error)
  return errors
}

const EVERY_METHOD = [
  (store) => store.get(SID),
  (store) => store.set(SID, session()),
  (store) => store.touch(SID, session()),
  (store) => store.destroy(SID),
  (store) => store.all(),
  (store) => store.length(),
  (store) => store.clear(),
]

test('a value that a unique index refuses is not in the error', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ 'session.user': 1 }, { unique: true })
  const store = openStore(t, { uri })
  await store.set('another', session())
  const [error] = await provoke(store, [(store) => store.set(SID, session())])
  assert.equal(error.code, 'ERR_STORE_SERVER')
  assert.equal(error.mongoCode, 11_000)
})

test('a document that a validator refuses is not in the error', async (t) => {
  const { uri, db } = await database(t)
  await db.createCollection('sessions', { validator: { 'session.allowed': true } })
  const store = openStore(t, { uri })
  const [error] = await provoke(store, [(store) => store.set(SID, session())])
  assert.equal(error.mongoCode, 121)
  await store.set(SID, session({ allowed: true }))
})

test('a session that cannot be stored is not in the error', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const cycle = session()
  cycle[VALUE] = cycle
  let deep = VALUE
  for (let level = 0; level < 300; level++) deep = { [VALUE]: deep }
  const number = BigInt(`1${'0'.repeat(30)}`)
  const errors = await provoke(store, [
    (store) => store.set(SID, cycle),
    (store) => store.set(SID, session({ deep })),
    (store) => store.set(SID, session({ text: VALUE.repeat(2_000_000) })),
    (store) => store.set(SID, session({ [VALUE]: number })),
    (store) => store.set(SID, session({ bad: new (class { _bsontype = 'Nothing'; [VALUE] = VALUE })() })), // prettier-ignore
    (store) => store.set(SID, VALUE),
    (store) => store.get([SID]),
    (store) => store.get({ [SID]: SID }),
    (store) => store.get(`${SID}\ud800`),
  ])
  assert.ok(errors.every(({ code }) => /^ERR_/.test(code)))
})

test('a stored session that cannot be read is not in the error', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertMany([{ _id: SID, session: VALUE }])
  const store = openStore(t, { uri })
  await store.get(SID)
  await until(() => store.events.length > 0, 'the warning')
  for (const { value } of store.events) assertDiscreet(value)
})

test('a server that is down gets no secret told', async (t) => {
  const uri = `mongodb://${PASSWORD}:${PASSWORD}@127.0.0.1:${await freePort()}/db`
  const store = openStore(t, { uri, operationTimeout: 200 })
  await provoke(store, EVERY_METHOD)
  await until(() => store.events.length > 0, 'the error event')
  for (const { value } of store.events) assertDiscreet(value)
})

test('a log-in that fails and a right that lacks tell no secret', async (t) => {
  const mongod = await ownMongod(t, { auth: { user: 'root', password: PASSWORD } })
  const address = `mongodb://127.0.0.1:${mongod.port}/express_sessions`
  const wrong = withUser(address, { user: 'root', password: `${PASSWORD}-not` })
  for (const uri of [`${wrong}?authSource=admin`, address]) {
    const store = openStore(t, { uri, operationTimeout: 1000 })
    const errors = await provoke(store, EVERY_METHOD)
    assert.ok(errors.every(({ code }) => /^ERR_STORE_(CONNECTION|SERVER|TIMEOUT)$/.test(code)))
    await until(() => store.events.length > 0, 'an event')
    for (const { value } of store.events) assertDiscreet(value)
    await store.close()
  }
})

test('a log-in that fails says so', async (t) => {
  const mongod = await ownMongod(t, { auth: { user: 'root', password: PASSWORD } })
  const address = `mongodb://127.0.0.1:${mongod.port}/express_sessions?authSource=admin`
  const uri = withUser(address, { user: 'root', password: 'wrong' })
  const store = openStore(t, { uri })
  // A machine that stands still hears of no reason for a while.
  await until(async () => {
    const { message } = await failure(store.get(SID))
    return /credentials|AuthenticationFailed/.test(message)
  }, 'the reason')
})

test('a store does not show its connection string', async (t) => {
  const uri = `mongodb://me:${PASSWORD}@127.0.0.1:${await freePort()}/db`
  const store = openStore(t, { uri })
  assert.ok(!inspect(store, { depth: 9, showHidden: true }).includes(PASSWORD))
  assert.ok(!JSON.stringify(store).includes(PASSWORD))
})

test('calls after close tell no secret', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.close()
  await provoke(store, EVERY_METHOD)
})
