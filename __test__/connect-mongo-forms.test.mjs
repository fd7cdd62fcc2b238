// What the adapter for connect-mongo stores, and what it does where connect-mongo has a defect.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openAdapter } from './connect-mongo-support.mjs'
import { database, newSession } from './support.mjs'

/** What connect-mongo stores: a session as express-session's Cookie presents itself in JSON. */
function json(session) {
  return JSON.parse(JSON.stringify(session))
}

test('a session is a JSON string unless told otherwise', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri })
  const cookie = { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000), path: '/' }
  const session = { cookie, user: 'ada', since: new Date(5) }
  await store.set('sid', session)
  assert.deepEqual(await sessions.findOne(), {
    _id: 'sid',
    expires: cookie.expires,
    session: JSON.stringify(session),
  })
  const found = await store.get('sid')
  assert.deepEqual({ ...found, cookie: undefined }, { ...json(session), cookie: undefined })
  assert.deepEqual(found.cookie.expires, cookie.expires)
})

test('with stringify false it is an embedded document', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, stringify: false })
  await store.set('sid', newSession({ user: 'ada', since: new Date(5) }))
  const { session } = await sessions.findOne()
  assert.deepEqual(
    { user: session.user, since: session.since },
    { user: 'ada', since: new Date(5) },
  )
  assert.deepEqual((await store.get('sid')).since, new Date(5))
})

test('serialize and unserialize decide what is stored, whatever stringify says', async (t) => {
  const { uri, sessions } = await database(t)
  const hooks = {
    serialize: ({ cookie, ...data }) => ({ cookie, wrapped: data }),
    unserialize: ({ cookie, wrapped }) => ({ cookie, ...wrapped }),
  }
  const store = openAdapter(t, { mongoUrl: uri, stringify: true, ...hooks })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.deepEqual((await sessions.findOne()).session.wrapped, { user: 'ada' })
  assert.equal((await store.get('sid')).user, 'ada')
})

test('a string of serialize is stored as it is', async (t) => {
  const { uri, sessions } = await database(t)
  const hooks = {
    serialize: (session) => `v1:${JSON.stringify(session)}`,
    unserialize: (stored) => JSON.parse(stored.slice(3)),
  }
  const store = openAdapter(t, { mongoUrl: uri, ...hooks })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.match((await sessions.findOne()).session, /^v1:\{"cookie":/)
  assert.equal((await store.get('sid')).user, 'ada')
})

test('with unserialize alone it is an embedded document, as connect-mongo has it', async (t) => {
  const { uri, sessions } = await database(t)
  const unserialize = (stored) => ({ ...stored, read: true })
  const store = openAdapter(t, { mongoUrl: uri, unserialize })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await sessions.findOne()).session.user, 'ada')
  assert.equal((await store.get('sid')).read, true)
})

test('transformId decides the _id', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, transformId: (sid) => sid.toUpperCase() })
  await store.set('sid', newSession({ n: 1 }))
  assert.equal((await sessions.findOne())._id, 'SID')
  assert.equal((await store.get('sid')).n, 1)
  await store.destroy('sid')
  assert.equal(await sessions.countDocuments(), 0)
})

test('timestamps are the fields createdAt and updatedAt', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, timestamps: true })
  await store.set('sid', newSession({ n: 1 }))
  const first = await sessions.findOne()
  assert.ok(first.createdAt instanceof Date && first.updatedAt instanceof Date)
  await store.set('sid', newSession({ n: 2 }))
  const second = await sessions.findOne()
  assert.deepEqual(second.createdAt, first.createdAt)
  assert.ok(second.updatedAt >= first.updatedAt)
})

test('every form of connect-mongo is read, whatever the options say', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + 60_000)
  const cookie = { originalMaxAge: 60_000, expires, httpOnly: true, path: '/' }
  await sessions.insertMany([
    { _id: 'string', expires, session: JSON.stringify({ cookie, user: 'ada' }) },
    { _id: 'object', expires, session: { cookie, user: 'ada' } },
    { _id: 'eternal', session: JSON.stringify({ cookie, user: 'ada' }) },
    { _id: 'modified', expires, lastModified: new Date(), session: { cookie, user: 'ada' } },
  ])
  for (const stringify of [true, false]) {
    const store = openAdapter(t, { mongoUrl: uri, stringify, touchAfter: 1 })
    for (const sid of ['string', 'object', 'eternal', 'modified']) {
      const found = await store.get(sid)
      assert.equal(found.user, 'ada', sid)
      assert.deepEqual(found.cookie.expires, expires)
      assert.ok(!('lastModified' in found))
    }
    assert.equal((await store.all()).length, 4)
  }
})

test('the next save of a session writes the form that is configured', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + 60_000)
  const cookie = { originalMaxAge: 60_000, expires, path: '/' }
  await sessions.insertOne({ _id: 'sid', expires, session: { cookie, user: 'ada' } })
  for (const [stringify, type] of [
    [true, 'string'],
    [false, 'object'],
  ]) {
    const store = openAdapter(t, { mongoUrl: uri, stringify })
    const session = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
    session.form = type
    await store.set('sid', session)
    const { session: stored } = await sessions.findOne()
    assert.equal(typeof stored, type)
    assert.equal((await store.get('sid')).form, type)
  }
})

test('touch of a session that is gone is silent', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri })
  await store.touch('sid', newSession())
  assert.equal(await sessions.countDocuments(), 0)
})

test('length counts no session that has expired', async (t) => {
  const { uri } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri })
  await store.set('old', newSession({}, -1000))
  await store.set('new', newSession({}))
  assert.equal(await store.length(), 1)
})

test('a session that was destroyed stays destroyed', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri })
  await store.set('sid', newSession({ n: 1 }))
  const session = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
  await store.destroy('sid')
  session.n = 2
  await store.set('sid', session)
  assert.equal(await sessions.countDocuments(), 0)
})
