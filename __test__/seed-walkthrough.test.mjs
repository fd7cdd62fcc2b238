// The walkthrough of the documented package's README, step by step, against the demo.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { BSON, Int32 } from 'mongodb'
import { createApp } from '../demo/app.mjs'
import { Browser, nextMillisecond, originalMaxAge, serve } from './express-support.mjs'
import { spawnProgram } from './program-support.mjs'
import { connected, database, openStore, until } from './support.mjs'

const WEEK = 604_800_000

test('two visits leave one cookie and one document, whose expiry has moved', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const log = t.mock.method(console, 'log', () => {})
  const browser = new Browser(await serve(t, createApp({ store })))

  // "Without providing an existing cookie, it should create one for you."
  const before = Date.now()
  const first = await fetch(`${browser.origin}/`)
  assert.equal(first.status, 200)
  assert.equal(first.headers.get('x-powered-by'), 'Express')
  assert.equal(first.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(first.headers.get('content-length'), '2')
  assert.equal(first.headers.get('etag'), 'W/"2-nOO9QiTIwXgNtWtBJezz8kv3SLc"')
  assert.equal(await first.text(), 'OK')

  const setCookies = first.headers.getSetCookie()
  assert.equal(setCookies.length, 1)
  const [, value, expiresInCookie] =
    /^connect\.sid=(s%3A[^;]+); Path=\/; Expires=([^;]+ GMT); HttpOnly; SameSite=Strict$/.exec(
      setCookies[0],
    )
  browser.keep({ name: 'connect.sid', value })
  const sid = browser.sid()
  assert.match(sid, /^[\w-]{32}$/)

  // "Check the database."
  const found = await sessions.find().toArray()
  assert.equal(found.length, 1)
  const { something } = found[0].session
  assert.deepEqual(log.mock.calls.at(-1).arguments, ['new something: ', something])
  const expires = found[0].expires
  assert.ok(expires.getTime() >= before + WEEK && expires.getTime() <= Date.now() + WEEK)
  assert.equal(new Date(expiresInCookie).getTime(), Math.floor(expires.getTime() / 1000) * 1000)
  const documented = {
    _id: sid,
    expires,
    session: {
      cookie: {
        path: '/',
        _expires: expires,
        originalMaxAge: new Int32(originalMaxAge(found[0].session.cookie, WEEK)),
        httpOnly: true,
        sameSite: 'strict',
      },
      something,
    },
  }
  await assertDocument(sessions, documented)

  // "Check for the index (default option)"
  await connected(store)
  const indexes = await until(async () => {
    const indexes = await sessions.indexes()
    return indexes.length > 1 && indexes
  }, 'the TTL index')
  assert.deepEqual(indexes, [
    { v: 2, key: { _id: 1 }, name: '_id_' },
    { v: 2, key: { expires: 1 }, name: 'expires_1', expireAfterSeconds: 0 },
  ])

  // "Curl the site again. Except this time, use the cookie data sent to you from the last response."
  await nextMillisecond()
  const again = Date.now()
  const second = await browser.get('/')
  assert.equal(second.status, 200)
  assert.equal(second.text, 'OK')
  assert.deepEqual(log.mock.calls.at(-1).arguments, ['existing something: ', something])
  // The sessions are rolling: the same cookie, only good for longer.
  assert.equal(second.cookies.length, 1)
  assert.equal(second.cookie.value, value)
  const lifetime = originalMaxAge(found[0].session.cookie, WEEK)
  assert.ok(second.cookie.expires.getTime() >= Math.floor((again + lifetime) / 1000) * 1000)

  // "Ensure that no additional cookies were created. You should still find one cookie, but with an
  // updated expires date. touch works!"
  const moved = (await sessions.findOne()).expires
  assert.ok(moved.getTime() >= again + lifetime && moved.getTime() <= Date.now() + WEEK)
  await assertDocument(sessions, { ...documented, expires: moved })
  assert.deepEqual(store.events, [])
})

/** That a document is the only one, with these fields in this order and of these types. */
async function assertDocument(sessions, expected) {
  const documents = await sessions.find({}, { promoteValues: false }).toArray()
  assert.deepEqual(documents, [expected])
  // The bytes show what the driver's values might hide, such as the order of the fields.
  const [bytes] = await sessions.find({}, { raw: true }).toArray()
  assert.deepEqual(Buffer.from(bytes), Buffer.from(BSON.serialize(expected)))
}

test('a visit without the cookie begins another session', async (t) => {
  const { uri, sessions } = await database(t)
  t.mock.method(console, 'log', () => {})
  const browser = new Browser(await serve(t, createApp({ store: openStore(t, { uri }) })))
  await browser.get('/')
  const first = browser.sid()
  browser.cookies.clear()
  await browser.get('/')
  const ids = await sessions.distinct('_id')
  assert.deepEqual(new Set(ids), new Set([first, browser.sid()]))
  assert.equal(ids.length, 2)
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} closes the server and the store, and the demo ends by itself`, async (t) => {
    const { uri, sessions } = await database(t)
    const demo = startDemo(t, uri)
    const origin = await demo.origin()
    const browser = new Browser(origin)
    assert.equal((await browser.get('/')).text, 'OK')
    assert.equal(await sessions.countDocuments({ _id: browser.sid() }), 1)

    await until(() => demo.output().includes('Connected to MongoDB'), 'the connection')
    demo.child.kill(signal)
    const [code, endedBy] = await demo.exit
    assert.deepEqual({ code, endedBy }, { code: 0, endedBy: null }, demo.output())
    assert.match(demo.output(), /^Connected to MongoDB for session store\.$/m)
    assert.match(demo.output(), /^Closing MongoDB connection to session store\.$/m)
    await assert.rejects(browser.get('/'), 'nobody listens any more')
  })
}

/** Runs demo/web.mjs on a free port, until the test has ended at the latest. */
function startDemo(t, uri) {
  const file = fileURLToPath(import.meta.resolve('../demo/web.mjs'))
  const demo = spawnProgram(t, file, { MONGODB_URI: uri, PORT: '0' })
  const { child, output } = demo
  const address = () => /http:\/\/localhost:\d+/.exec(output())
  return {
    ...demo,
    async origin() {
      await until(() => address() !== null || child.exitCode !== null, 'the demo')
      const [origin] = address() ?? assert.fail(output())
      return origin
    },
  }
}
