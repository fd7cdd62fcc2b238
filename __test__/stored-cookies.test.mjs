// Cookies that another program has stored, with fields of the wrong kind: the request has its answer.
import assert from 'node:assert/strict'
import test from 'node:test'
import { visitorOf } from './parallel-support.mjs'
import { database, openStore } from './support.mjs'

const WRONG = {
  path: [5, {}, ['/'], true, '/\n'],
  domain: [5, {}, true, 'a b', 'x;y'],
  originalMaxAge: ['1 day', {}, [], true],
  maxAge: ['1 day', {}, true],
  expires: [5, {}, [], true, 'never'],
  _expires: [5, {}, [], true, 'never'],
  httpOnly: ['yes', 1, {}],
  secure: ['yes', 1, {}],
  sameSite: [5, {}, 'sometimes'],
  priority: [5, {}, 'urgent'],
  partitioned: ['yes', 1, {}],
  serialize: ['text', {}],
  toJSON: ['text', {}],
  data: ['text', {}],
}

const hex = (text) => Buffer.from(text).toString('hex')
const ofHex = (text) => String(Buffer.from(text, 'hex'))

/** An object literal whose fields cannot be changed, though it takes more of them; anything else as it is. */
function fixed(object) {
  if (Object.prototype.toString.call(object) !== '[object Object]') return object
  const fields = Object.entries(object).map(([key, value]) => [key, { value, enumerable: true }])
  return Object.defineProperties({}, Object.fromEntries(fields))
}

/** By the form in which sessions are stored: the options, and how another program stores a session so. */
const FORMS = {
  'in a document': { stored: (session) => session },
  'in a text': { options: { stringify: true }, stored: JSON.stringify },
  'in a form of its own': {
    options: {
      serialize: (session) => ({ inside: JSON.stringify(session) }),
      unserialize: ({ inside }) => JSON.parse(inside),
    },
    stored: (session) => ({ inside: JSON.stringify(session) }),
  },
  'in a frozen one': {
    options: {
      serialize: (session) => ({ ...session }),
      unserialize: ({ cookie, ...others }) => Object.freeze({ cookie: Object.seal(cookie), ...others }), // prettier-ignore
    },
    stored: (session) => session,
  },
  'in one whose fields are fixed': {
    options: {
      serialize: (session) => ({ ...session }),
      unserialize: ({ cookie, ...others }) => fixed({ cookie: fixed(cookie), ...others }),
    },
    stored: (session) => session,
  },
  'behind an adapter': {
    options: { cryptoAdapter: { encrypt: async (text) => hex(text), decrypt: async (text) => ofHex(text) } }, // prettier-ignore
    stored: (session) => hex(JSON.stringify(session)),
  },
  'in an encrypted collection that accepts others': {
    options: { encryption: { keys: [Buffer.alloc(32, 1)], acceptUnencrypted: true } },
    stored: (session) => session,
  },
}

for (const [how, { options, stored }] of Object.entries(FORMS)) {
  test(`a field of the wrong kind in a stored cookie is as none, ${how}`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, ...options })
    const visitor = await visitorOf(t, store, { rolling: true })
    const sid = await visitor.login()
    const document = await sessions.findOne()
    for (const [field, values] of Object.entries(WRONG)) {
      for (const value of values) {
        const cookie = { path: '/', originalMaxAge: 60_000, httpOnly: true, [field]: value }
        const session = stored({ cookie, user: 'ada' })
        await sessions.replaceOne({}, { ...document, session })
        const user = await visitor.request(({ session }) => {
          session.seen = 1
          return session.user
        })
        assert.equal(user, 'ada', `${field}: ${JSON.stringify(value)}`)
        assert.equal(visitor.sid, sid)
      }
    }
  })
}

for (const [how, { options, stored }] of Object.entries(FORMS)) {
  test(`what stands in the place of a cookie and is none does not end a request, ${how}`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, ...options })
    const visitor = await visitorOf(t, store)
    await visitor.login()
    const document = await sessions.findOne()
    for (const cookie of ['text', 5, true, null, [], new Date(), undefined]) {
      const session = { ...(cookie !== undefined && { cookie }), user: 'ada' }
      await sessions.replaceOne({}, { ...document, session: stored(session) })
      assert.equal(await visitor.request(({ session }) => session.user), 'ada', String(cookie))
    }
  })
}

test('a frozen cookie makes a Session, also with a number for its expiry', (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const request = { sessionID: 'sid', sessionStore: store }
  const cookie = Object.freeze({ path: '/', expires: 4_000_000_000_000 })
  const session = store.createSession(request, { cookie, user: 'ada' })
  assert.deepEqual(session.cookie.expires, new Date(4_000_000_000_000))
  assert.equal(session.user, 'ada')
})
