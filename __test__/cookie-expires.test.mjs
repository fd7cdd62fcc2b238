// The forms in which applications store when a cookie expires, other than a Date.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, newSession, onBothEngines, openStore } from './support.mjs'

const MOMENT = Math.floor(Date.now() / 1000) * 1000 + 3_600_000
const FORMS = {
  'a number, as express-openid-connect has it': MOMENT,
  'the text of an HTTP date': new Date(MOMENT).toUTCString(),
}

for (const [what, expires] of Object.entries(FORMS)) {
  for (const stringify of [false, true]) {
    const how = `${what}${stringify ? ', as text' : ''}`
    onBothEngines(
      test,
      `cookie.expires is ${how}: it is read as it was, and counts`,
      async (t, open, { sessions }) => {
        const store = open({ stringify })
        await store.set('sid', { cookie: { expires, maxAge: 5 }, data: 1 })
        const read = await store.get('sid')
        assert.deepEqual(read.cookie, { expires, maxAge: 5 })
        await store.set('sid', read)
        assert.deepEqual((await store.get('sid')).cookie.expires, expires)
        const stored = await sessions?.findOne({ _id: 'sid' })
        if (stored) assert.equal(stored.expires.getTime(), MOMENT)
      },
    )
  }
}

test('what was touched reads as touched in its own form', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const later = new Date(MOMENT + 5000)
  for (const [expires, expected, touched = later] of [
    [MOMENT, MOMENT + 5000],
    [new Date(MOMENT).toUTCString(), later.toUTCString()],
    // The first whole second that is not earlier.
    [new Date(MOMENT - 1000).toUTCString(), later.toUTCString(), new Date(MOMENT + 4001)],
  ]) {
    await store.set('sid', { cookie: { expires } })
    await sessions.updateOne({ _id: 'sid' }, { $set: { expires: touched } })
    assert.equal((await store.get('sid')).cookie.expires, expected)
  }
})

onBothEngines(test, 'what was touched reads as touched in a form of its own', async (t, open) => {
  const store = open({
    serialize: (session) => ({ text: JSON.stringify(session) }),
    unserialize: ({ text }) => JSON.parse(text),
  })
  await store.set('sid', newSession({}, 60_000))
  const later = newSession({}, 3_600_000)
  await store.touch('sid', later)
  const { cookie } = await store.get('sid')
  assert.deepEqual(new Date(cookie.expires), later.cookie._expires)
  // One without an end has none by a touch.
  await store.set('endless', { cookie: { originalMaxAge: null } })
  await store.touch('endless', { cookie: { originalMaxAge: null } })
  assert.equal((await store.get('endless')).cookie.expires, undefined)
})

test('a moment that has passed in another form has passed', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.set('number', { cookie: { expires: 1 } })
  await store.set('text', { cookie: { expires: new Date(1).toUTCString() } })
  assert.equal(await store.length(), 0)
})

test('a frozen cookie that unserialize answers is read, saved and touched', async (t) => {
  const { uri } = await database(t)
  const options = { uri, stringify: false, serialize: (session) => ({ ...session }) }
  const freezing = {
    cookie: ({ cookie, ...rest }) => ({ ...rest, cookie: Object.freeze(cookie) }),
    session: ({ cookie, ...rest }) => Object.freeze({ ...rest, cookie: Object.freeze(cookie) }),
  }
  for (const unserialize of Object.values(freezing)) {
    for (const text of [false, true]) {
      const serialize = text ? JSON.stringify : options.serialize
      const parsing = (stored) => unserialize(text ? JSON.parse(stored) : stored)
      const store = openStore(t, { ...options, serialize, unserialize: parsing })
      await store.set('sid', newSession({ n: 1 }))
      const read = await store.get('sid')
      assert.equal(read.n, 1)
      assert.ok(read.cookie.expires instanceof Date)
      const session = store.createSession({ sessionID: 'sid' }, read)
      await store.set('sid', session)
      await store.touch('sid', session)
    }
  }
})
