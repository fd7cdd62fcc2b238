import assert from 'node:assert/strict'
import test from 'node:test'
import { Long } from 'mongodb'
import { database, newSession, onBothEngines, openStore, until } from './support.mjs'

const IN_A_MINUTE = () => new Date(Date.now() + 60_000)

onBothEngines(test, 'a session that was set is got back', async (t, open) => {
  const store = open()
  const session = newSession({ user: 'ada', cart: [{ id: 1 }] })
  await store.set('sid', session)
  const { cookie, ...data } = await store.get('sid')
  assert.deepEqual(data, { user: 'ada', cart: [{ id: 1 }] })
  assert.deepEqual(cookie, {
    path: '/',
    expires: session.cookie._expires,
    originalMaxAge: 60_000,
    httpOnly: true,
  })
})

onBothEngines(test, 'a session that does not exist is null', async (t, open) => {
  assert.equal(await open().get('nobody'), null)
})

onBothEngines(test, 'an expired session is null', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({}, -1))
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'a touched session reads as touched', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const later = newSession({}, 600_000)
  await store.touch('sid', later)
  assert.deepEqual((await store.get('sid')).cookie.expires, later.cookie._expires)
})

onBothEngines(test, 'a cookie never expires before the document does', async (t, open) => {
  const store = open({ ttl: () => 600_000 })
  const session = newSession({}, 60_000)
  const before = Date.now()
  await store.set('sid', session)
  const { expires } = (await store.get('sid')).cookie
  assert.ok(expires instanceof Date)
  assert.ok(expires.getTime() >= before + 600_000)
})

onBothEngines(test, 'a cookie that outlives the document keeps its expiry', async (t, open) => {
  const store = open({ ttl: () => 60_000 })
  const session = newSession({}, 600_000)
  await store.set('sid', session)
  assert.deepEqual((await store.get('sid')).cookie.expires, session.cookie._expires)
})

onBothEngines(test, 'a browser-session cookie keeps expires null', async (t, open) => {
  const store = open()
  const cookie = { path: '/', _expires: null, originalMaxAge: null }
  await store.set('sid', { cookie, user: 'ada' })
  await store.touch('sid', { cookie })
  assert.deepEqual(await store.get('sid'), {
    cookie: { path: '/', expires: null, originalMaxAge: null },
    user: 'ada',
  })
})

onBothEngines(test, 'many sessions asked for at once each get their own', async (t, open) => {
  const store = open()
  const sids = Array.from({ length: 1000 }, (_, index) => `sid${index}`)
  await Promise.all(sids.map((sid) => store.set(sid, newSession({ sid }))))
  const sessions = await Promise.all(sids.map((sid) => store.get(sid)))
  assert.deepEqual(
    sessions.map((session) => session.sid),
    sids,
  )
  assert.equal(new Set(sessions).size, sids.length)
})

onBothEngines(test, 'two readers of one session get objects of their own', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ list: [] }))
  const [one, other] = await Promise.all([store.get('sid'), store.get('sid')])
  one.list.push(1)
  one.cookie.expires.setTime(0)
  assert.deepEqual(other.list, [])
  assert.notEqual(other.cookie.expires.getTime(), 0)
})

test('a document written by the official driver in the documented shape is read', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = IN_A_MINUTE()
  await sessions.insertOne({
    _id: 'sid',
    expires,
    session: {
      cookie: {
        path: '/',
        _expires: expires,
        originalMaxAge: 604_800_000,
        httpOnly: true,
        sameSite: 'strict',
      },
      something: 'K-o_HNG5jN6XcJ9bfrTep',
    },
  })
  assert.deepEqual(await openStore(t, { uri }).get('sid'), {
    cookie: {
      path: '/',
      expires,
      originalMaxAge: 604_800_000,
      httpOnly: true,
      sameSite: 'strict',
    },
    something: 'K-o_HNG5jN6XcJ9bfrTep',
  })
})

test('a document with cookie.expires reads like one with cookie._expires', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = IN_A_MINUTE()
  await sessions.insertMany([
    { _id: 'private', expires, session: { cookie: { path: '/', _expires: expires } } },
    { _id: 'public', expires, session: { cookie: { path: '/', expires } } },
    { _id: 'text', expires, session: { cookie: { path: '/', expires: expires.toISOString() } } },
  ])
  const store = openStore(t, { uri })
  for (const sid of ['private', 'public', 'text']) {
    assert.deepEqual(await store.get(sid), { cookie: { path: '/', expires } }, sid)
  }
})

test('a lifetime that another program stored as a 64-bit integer is a number', async (t) => {
  const { uri, sessions } = await database(t)
  const cookie = { originalMaxAge: Long.fromNumber(60_000), _expires: IN_A_MINUTE() }
  await sessions.insertOne({ _id: 'sid', expires: IN_A_MINUTE(), session: { cookie } })
  assert.equal((await openStore(t, { uri }).get('sid')).cookie.originalMaxAge, 60_000)
})

test('a document that never expires is served', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertOne({ _id: 'sid', session: { cookie: {}, user: 'ada' } })
  assert.equal((await openStore(t, { uri }).get('sid')).user, 'ada')
})

test('a document without a session is null, with one warning for all of them', async (t) => {
  const { uri, sessions } = await database(t)
  const foreign = { none: {}, text: 'text', number: 5, array: [1], null: null, true: true }
  await sessions.insertMany(
    Object.entries(foreign).map(([_id, session]) =>
      _id === 'none' ? { _id } : { _id, expires: IN_A_MINUTE(), session },
    ),
  )
  const store = openStore(t, { uri })
  for (const sid of Object.keys(foreign)) assert.equal(await store.get(sid), null, sid)
  await until(() => store.events.length > 0)
  assert.equal(await store.get('none'), null)
  assert.deepEqual(
    store.events.map(({ name, value }) => [name, value.code]),
    [['warning', 'ERR_STORE_FOREIGN_DOCUMENT']],
  )
})

test('a session whose cookie is missing or is no object is read as it is', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = IN_A_MINUTE()
  await sessions.insertMany([
    { _id: 'missing', expires, session: { user: 'ada' } },
    { _id: 'text', expires, session: { cookie: 'chocolate' } },
    { _id: 'strange', expires, session: { cookie: { _expires: 'tomorrow' } } },
  ])
  const store = openStore(t, { uri })
  assert.deepEqual(await store.get('missing'), { user: 'ada' })
  assert.deepEqual(await store.get('text'), { cookie: 'chocolate' })
  assert.deepEqual(await store.get('strange'), { cookie: {} })
})
