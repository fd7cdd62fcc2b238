// The option `touchOnGet`: what is read lives on.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import {
  connected,
  database,
  failure,
  newSession,
  openStore,
  runProgram,
  until,
} from './support.mjs'

const HOUR = 3_600_000

/** Stores a session that expires in less than a minute and whose cookie was given an hour. */
async function aging(sessions, session = {}, _id = 'sid') {
  const expires = new Date(Date.now() + 50_000)
  const cookie = { path: '/', _expires: expires, originalMaxAge: HOUR }
  await sessions.insertOne({ _id, expires, session: { cookie, user: 'ada', ...session } })
  return sessions.findOne({ _id })
}

/** How long a document still lives, once that is longer than a minute. */
function renewed(sessions, _id = 'sid') {
  return until(async () => {
    const { expires } = await sessions.findOne({ _id })
    const lifetime = expires.getTime() - Date.now()
    return lifetime > 60_000 && lifetime
  }, 'the touch')
}

test('a session that is read lives on for the lifetime of its cookie, and nothing else changes', async (t) => {
  const { uri, sessions } = await database(t)
  const before = await aging(sessions)
  const store = openStore(t, { uri, touchOnGet: true })
  const { user, cookie } = await store.get('sid')
  assert.equal(user, 'ada')
  assert.deepEqual(cookie.expires, before.expires)
  const lifetime = await renewed(sessions)
  assert.ok(lifetime > HOUR - 60_000 && lifetime <= HOUR, `lives ${lifetime} ms`)
  const after = await sessions.findOne({ _id: 'sid' })
  assert.deepEqual(after, { ...before, expires: after.expires })
  assert.deepEqual((await store.get('sid')).cookie.expires, after.expires)
})

test('a session in memory lives on, too', async (t) => {
  const store = openStore(t, { uri: 'memory:', touchOnGet: true })
  const session = newSession({}, 50_000)
  session.cookie.originalMaxAge = HOUR
  await store.set('sid', session)
  await until(async () => {
    const { cookie } = await store.get('sid')
    return cookie.expires.getTime() > Date.now() + HOUR - 60_000
  }, 'the touch')
})

test('the ttl function takes precedence over the cookie', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions)
  const seen = []
  const ttl = (session) => {
    seen.push(session)
    return 2 * HOUR
  }
  const store = openStore(t, { uri, touchOnGet: true, ttl })
  const session = await store.get('sid')
  assert.ok((await renewed(sessions)) > HOUR)
  assert.deepEqual(seen, [session])
})

test('a cookie without a lifetime leaves it to the option ttl', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions, { cookie: { path: '/', _expires: null, originalMaxAge: null } })
  const store = openStore(t, { uri, touchOnGet: true, ttl: 2 * HOUR })
  assert.equal((await store.get('sid')).user, 'ada')
  assert.ok((await renewed(sessions)) > HOUR)
})

test('by default a session that is read does not live longer', async (t) => {
  const { uri, sessions } = await database(t)
  const before = await aging(sessions)
  const store = openStore(t, { uri })
  await store.get('sid')
  await store.close()
  assert.deepEqual(await sessions.findOne({ _id: 'sid' }), before)
})

test('what is called after the get decides the expiry', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchOnGet: true })
  const sids = Array.from({ length: 50 }, (_, n) => `sid${n}`)
  await Promise.all(sids.map((sid) => aging(sessions, {}, sid)))
  const saved = newSession({}, 30_000)
  const calls = sids.map((sid, n) => {
    const read = store.get(sid)
    const change = n % 2 === 0 ? store.set(sid, saved) : store.touch(sid, saved)
    return Promise.all([read, change])
  })
  await Promise.all(calls)
  await store.close()
  for (const { expires } of await sessions.find().toArray()) {
    assert.deepEqual(expires, saved.cookie._expires)
  }
})

test('what is still waiting counts when something else was answered meanwhile', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchOnGet: true })
  const sids = Array.from({ length: 50 }, (_, n) => `sid${n}`)
  await Promise.all(sids.map((sid) => aging(sessions, {}, sid)))
  const saved = newSession({}, 30_000)
  const calls = sids.flatMap((sid) => [
    store.touch(sid, newSession({}, 20_000)),
    store.get(sid),
    store.touch(sid, saved),
  ])
  await Promise.all(calls)
  await store.ping()
  for (const { expires } of await sessions.find().toArray()) {
    assert.deepEqual(expires, saved.cookie._expires)
  }
  // Nothing waits any more, be it answered or failed.
  await failure(store.set('sid0', newSession({ large: 'x'.repeat(2 ** 24) })))
  await store.get('sid0')
  await renewed(sessions, 'sid0')
})

test('a session that is destroyed while it is read stays destroyed', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, touchOnGet: true })
  const sids = Array.from({ length: 50 }, (_, n) => `sid${n}`)
  await Promise.all(sids.map((sid) => aging(sessions, {}, sid)))
  const calls = sids.map(async (sid, n) => {
    const read = store.get(sid)
    if (n % 2 === 0) await read
    await store.destroy(sid)
    assert.equal(await store.get(sid), null)
  })
  await Promise.all(calls)
  await store.close()
  assert.equal(await sessions.countDocuments(), 0)
})

test('it emits no touch, and a missing session is not touched', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions)
  const store = openStore(t, { uri, touchOnGet: true })
  const told = []
  for (const name of ['get', 'touch']) store.on(name, (sid) => told.push(`${name} ${sid}`))
  await store.get('sid')
  await renewed(sessions)
  assert.equal(await store.get('nobody'), null)
  await store.close()
  assert.deepEqual(told, ['get sid', 'get nobody'])
  assert.equal(await sessions.countDocuments(), 1)
})

test('a failure of the touch is not told to anybody', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions)
  const store = openStore(t, {
    uri,
    touchOnGet: true,
    ttl() {
      throw new Error('no lifetime')
    },
  })
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal(await store.length(), 1)
  assert.deepEqual(store.events, [])
  // A call of the application fails with it as ever, and is told as what it is.
  assert.match((await failure(store.touch('sid', newSession()))).message, /no lifetime/)
  await until(() => store.events.length > 0, 'the warning')
  assert.deepEqual(
    store.events.map(({ name }) => name),
    ['warning'],
  )
})

test('the store may be closed while a session is read', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions)
  const store = await connected(openStore(t, { uri, touchOnGet: true }))
  const read = store.get('sid')
  const closed = store.close()
  assert.equal((await read).user, 'ada')
  await closed
  assert.deepEqual(store.events, [])
})

test('a process ends by itself after the touch', async (t) => {
  const { uri, sessions } = await database(t)
  await aging(sessions)
  const { code, stdout, stderr } = await runProgram(
    `const store = new MongoSessionStore({ uri: process.argv[1], touchOnGet: true })
     store.get('sid', (error, session) => console.log(session.user))`,
    { args: [uri] },
  )
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'ada\n')
  await renewed(sessions)
})

test('touchOnGet must be a boolean', () => {
  for (const touchOnGet of [1, 'yes', null, {}]) {
    assert.throws(
      () => new MongoSessionStore({ uri: 'memory:', touchOnGet }),
      (error) => error instanceof TypeError && error.message.includes("'touchOnGet'"),
    )
  }
})
