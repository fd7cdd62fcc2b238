// The adapter for connect-mongo: its times, in seconds and minutes, and how long sessions live by them.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import MongoStore from '../lib/adapters/connect-mongo.mjs'
import { openAdapter } from './connect-mongo-support.mjs'
import { database, newSession, until, watched } from './support.mjs'

const TWO_WEEKS = 1_209_600_000

test('ttl is in seconds, two weeks unless given, and the cookie counts more', async (t) => {
  const { uri, sessions } = await database(t)
  const lifetimeOf = async (options, cookie) => {
    const store = openAdapter(t, { mongoUrl: uri, ...options })
    const before = Date.now()
    await store.set('sid', { cookie })
    const { expires } = await sessions.findOne()
    const late = Date.now() - before
    return { from: expires.getTime() - before - late, to: expires.getTime() - before }
  }
  const isAbout = ({ from, to }, expected) => assert.ok(from <= expected && expected <= to)
  isAbout(await lifetimeOf({}, { path: '/' }), TWO_WEEKS)
  isAbout(await lifetimeOf({ ttl: 90 }, { path: '/' }), 90_000)
  isAbout(await lifetimeOf({ ttl: 0.5 }, { path: '/' }), 500)
  const expires = new Date(Date.now() + 50_000)
  await lifetimeOf({ ttl: 90 }, { path: '/', expires })
  assert.deepEqual((await sessions.findOne()).expires, expires)
})

test('touchAfter is in seconds, and shows nowhere', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, touchAfter: 60 })
  await store.set('sid', newSession({ n: 1 }, 3_600_000))
  const { expires } = await sessions.findOne()
  const found = await store.get('sid')
  assert.deepEqual(Object.keys(found), ['cookie', 'n'])
  const touch = (seconds) => {
    const moved = new Date(expires.getTime() + seconds * 1000)
    const session = store.createSession({ sessionID: 'sid' }, found)
    // As a page that rolls the cookie on: its lifetime stays.
    session.cookie._expires = moved
    return store.touch('sid', session)
  }
  await touch(59)
  assert.deepEqual((await sessions.findOne()).expires, expires)
  await touch(61)
  assert.equal((await sessions.findOne()).expires.getTime(), expires.getTime() + 61_000)
  assert.deepEqual(Object.keys(await sessions.findOne()).sort(), ['_id', 'expires', 'session'])
})

test('with touchAfter: Infinity nothing is touched', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openAdapter(t, { mongoUrl: uri, touchAfter: Infinity })
  await store.set('sid', newSession())
  const { expires } = await sessions.findOne()
  const session = store.createSession({ sessionID: 'sid' }, await store.get('sid'))
  session.cookie._expires = new Date(expires.getTime() + 3_600_000)
  await store.touch('sid', session)
  assert.deepEqual((await sessions.findOne()).expires, expires)
})

test('autoRemoveInterval is in minutes', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertOne({ _id: 'old', expires: new Date(0), session: '{"cookie":{}}' })
  const autoRemoveInterval = 50 / 60_000
  openAdapter(t, { mongoUrl: uri, autoRemove: 'interval', autoRemoveInterval })
  await until(async () => (await sessions.countDocuments({ _id: 'old' })) === 0, 'the removal')
  assert.deepEqual(
    (await sessions.indexes()).map(({ name }) => name),
    ['_id_'],
  )
})

test('the longest times that are named are taken', (t) => {
  openAdapter(t, {
    mongoUrl: 'memory:',
    touchAfter: 4e12,
    autoRemove: 'interval',
    autoRemoveInterval: 35_791,
  })
})

test('0 stands for the default, as in version 3, so that no session is gone at once', async (t) => {
  const { uri, sessions } = await database(t)
  const Store = MongoStore(session)
  for (const given of [{ url: uri }, { mongoUrl: uri }]) {
    const options = {
      ...given,
      ttl: 0,
      autoRemove: 'interval',
      autoRemoveInterval: 0,
      touchAfter: 0,
    }
    const store = openAdapter(t, options)
    assert.equal(store.ttl, TWO_WEEKS)
    assert.equal(watched(t, new Store(options)).ttl, TWO_WEEKS)
    await store.set('sid', { cookie: { path: '/' }, n: 1 })
    assert.equal((await store.get('sid')).n, 1)
    assert.ok((await sessions.findOne({ _id: 'sid' })).expires > Date.now() + TWO_WEEKS / 2)
  }
})
