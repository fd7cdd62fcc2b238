// The adapter and the real connect-mongo on one collection: whoever has logged in with one of them
// is logged in with the other.
import assert from 'node:assert/strict'
import test from 'node:test'
import * as peer from 'connect-mongo'
import session from 'express-session'
import { createKrupteinAdapter, createWebCryptoAdapter } from '../lib/adapters/connect-mongo.mjs'
import {
  at,
  openAdapter,
  openConnectMongo,
  openConnectMongo3,
  serveLogin,
} from './connect-mongo-support.mjs'
import { Browser } from './express-support.mjs'
import { database, isLong, openStore } from './support.mjs'

const SECRET = 'squirrel'

/** Fewer rounds than the default, which is slow on purpose. */
const webCrypto = { secret: SECRET, iterations: 1000 }

const hooks = {
  serialize: ({ cookie, ...data }) => ({ cookie, data }),
  unserialize: ({ cookie, data }) => ({ cookie, ...data }),
}
const stringHooks = {
  serialize: (session) => `v1:${JSON.stringify(session)}`,
  unserialize: (stored) => JSON.parse(stored.slice(3)),
}

/** The options of both sides, by what they make of the documents. */
const FORMS = {
  'JSON strings': {},
  'embedded documents': { stringify: false },
  'objects of their own': hooks,
  'strings of their own': stringHooks,
  'what unserialize reads': { unserialize: (stored) => stored },
  'sessions under another id': { transformId: (sid) => `x-${sid}` },
  'strings that kruptein encrypts': { crypto: { secret: SECRET } },
  'objects that kruptein encrypts': { crypto: { secret: SECRET }, stringify: false },
  'what kruptein encrypts in hexadecimal': {
    crypto: { secret: SECRET, encodeas: 'hex', hashing: 'sha256', algorithm: 'aes-256-cbc' },
  },
  'strings that Web Crypto encrypts': {
    cryptoAdapter: [peer.createWebCryptoAdapter(webCrypto), createWebCryptoAdapter(webCrypto)],
  },
  'objects that Web Crypto encrypts': {
    stringify: false,
    cryptoAdapter: [peer.createWebCryptoAdapter(webCrypto), createWebCryptoAdapter(webCrypto)],
  },
  // What connect-mongo hands to `unserialize` is not what `serialize` has answered.
  'objects of their own that kruptein encrypts': {
    crypto: { secret: SECRET },
    serialize: hooks.serialize,
    unserialize: (text) => hooks.unserialize(JSON.parse(text)),
  },
  'JSON text of their own that Web Crypto encrypts': {
    cryptoAdapter: [peer.createWebCryptoAdapter(webCrypto), createWebCryptoAdapter(webCrypto)],
    serialize: (session) => JSON.stringify(hooks.serialize(session)),
    unserialize: hooks.unserialize,
  },
  timestamps: { timestamps: true },
  'moments of the last change': { touchAfter: 1 },
  'sessions that are touched twice an hour': { touchAfter: 1800, stringify: false },
}

/** The options of one side. Of functions that the sides bring along, each takes its own. */
function optionsOf(options, side) {
  if (!Array.isArray(options.cryptoAdapter)) return options
  return { ...options, cryptoAdapter: options.cryptoAdapter[side] }
}

const COOKIES = {
  'cookies that last': { cookie: { maxAge: 3_600_000 } },
  'rolling cookies': { rolling: true, cookie: { maxAge: 3_600_000 } },
  'cookies of a browser session': {},
}

/** Forms that differ in what becomes of the cookie; the long form has each of them with each kind. */
const FORMS_OF_COOKIES = ['JSON strings', 'embedded documents', 'moments of the last change']

function cookiesOf(form) {
  const all = Object.entries(COOKIES)
  return isLong || FORMS_OF_COOKIES.includes(form) ? all : all.slice(0, 1)
}

/** Logs in at one app, goes to and fro, logs out at the other one, and is out at both. */
async function alternate(first, second) {
  const browser = new Browser(first)
  const other = at(second, browser)
  assert.equal((await browser.post('/login?name=ada')).text, 'hello')
  for (let visit = 1; visit <= 6; visit += 2) {
    assert.equal((await other.get('/')).text, `ada reader+writer ${visit}`)
    assert.equal((await browser.get('/')).text, `ada reader+writer ${visit + 1}`)
  }
  // Unchanged sessions are touched only.
  const [seen, same] = [await browser.get('/look'), await other.get('/look')]
  assert.equal(JSON.parse(same.text).visits, JSON.parse(seen.text).visits)
  assert.equal((await other.post('/logout')).text, 'bye')
  assert.equal((await browser.get('/')).text, 'nobody')
  assert.equal((await other.get('/')).text, 'nobody')
}

for (const [form, options] of Object.entries(FORMS)) {
  test(`${form} of connect-mongo 6 and of the adapter serve one browser side by side`, async (t) => {
    const { uri } = await database(t)
    for (const [what, cookies] of cookiesOf(form)) {
      const theirs = await openConnectMongo(t, { mongoUrl: uri, ...optionsOf(options, 0) })
      const ours = openAdapter(t, { mongoUrl: uri, ...optionsOf(options, 1) })
      const [old, own] = [await serveLogin(t, theirs, cookies), await serveLogin(t, ours, cookies)]
      await t.test(`${what}, first at connect-mongo's`, () => alternate(old, own))
      await t.test(`${what}, first at the adapter's`, () => alternate(own, old))
      assert.deepEqual(ours.events, [])
    }
  })
}

/** What version 3 can do with its own sessions; with `stringify: false` it cannot read encrypted ones. */
const FORMS_3 = {
  'JSON strings': {},
  'embedded documents': { stringify: false },
  'objects of their own': hooks,
  'encrypted sessions': { secret: SECRET },
  'sessions encrypted in base64': { secret: SECRET, encodeas: 'base64', hashing: 'sha256' },
  'sessions that are touched twice an hour': { touchAfter: 1800 },
}

for (const [form, options] of Object.entries(FORMS_3)) {
  test(`${form} of connect-mongo 3 and of the adapter serve one browser side by side`, async (t) => {
    const { uri } = await database(t)
    const theirs = await openConnectMongo3(t, { mongoUrl: uri, ...options })
    const ours = openAdapter(t, { url: uri, ...options })
    const [old, own] = [await serveLogin(t, theirs), await serveLogin(t, ours)]
    await t.test("first at connect-mongo's", () => alternate(old, own))
    await t.test("first at the adapter's", () => alternate(own, old))
    assert.deepEqual(ours.events, [])
  })
}

test('who has logged in with connect-mongo stays so with MongoSessionStore and its own options', async (t) => {
  const { uri, sessions } = await database(t)
  const cryptoAdapter = createKrupteinAdapter({ secret: SECRET })
  for (const [theirs, ours] of [
    [{}, {}],
    [{}, { stringify: true }],
    [{ stringify: false }, {}],
    [{ crypto: { secret: SECRET } }, { cryptoAdapter }],
    [{ timestamps: true }, { timestamps: true }],
  ]) {
    const old = await serveLogin(t, await openConnectMongo(t, { mongoUrl: uri, ...theirs }))
    const browser = new Browser(old)
    await browser.post('/login?name=ada')
    const own = await serveLogin(t, openStore(t, { uri, ...ours }))
    const moved = at(own, browser)
    assert.equal((await moved.get('/')).text, 'ada reader+writer 1')
    assert.equal((await moved.get('/')).text, 'ada reader+writer 2')
    const { session } = await sessions.findOne({ _id: browser.sid() })
    assert.equal(typeof session, ours.stringify || ours.cryptoAdapter ? 'string' : 'object')
    assert.equal((await moved.post('/logout')).text, 'bye')
  }
})

test('what the adapter has written is read by connect-mongo as its own', async (t) => {
  const { uri, sessions } = await database(t)
  const cookie = new session.Cookie({ maxAge: 60_000 })
  const data = { cookie, user: 'ada', list: [1, null, { x: 'y' }], empty: {} }
  for (const options of [{}, { stringify: false }, { crypto: { secret: SECRET } }]) {
    const theirs = await openConnectMongo(t, { mongoUrl: uri, ...options })
    const ours = openAdapter(t, { mongoUrl: uri, ...options })
    await ours.set('ours', data)
    await new Promise((resolve, reject) => {
      theirs.set('theirs', data, (error) => (error ? reject(error) : resolve()))
    })
    const found = await new Promise((resolve, reject) => {
      theirs.get('ours', (error, found) => (error ? reject(error) : resolve(found)))
    })
    assert.deepEqual({ ...found, cookie: 0 }, { ...data, cookie: 0 })
    const [first, second] = await sessions.find().sort({ _id: 1 }).toArray()
    assert.deepEqual(Object.keys(first).sort(), Object.keys(second).sort())
    assert.deepEqual(first.expires, second.expires)
    if (Object.keys(options).length === 0) assert.equal(first.session, second.session)
    await sessions.deleteMany({})
  }
})
