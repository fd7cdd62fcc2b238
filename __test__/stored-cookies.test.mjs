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

for (const options of [{}, { stringify: true }]) {
  const how = options.stringify ? 'in a text' : 'in a document'
  test(`a field of the wrong kind in a stored cookie is as none, ${how}`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, ...options })
    const visitor = await visitorOf(t, store, { rolling: true })
    const sid = await visitor.login()
    const document = await sessions.findOne()
    for (const [field, values] of Object.entries(WRONG)) {
      for (const value of values) {
        const cookie = { path: '/', originalMaxAge: 60_000, httpOnly: true, [field]: value }
        const session = { cookie, user: 'ada' }
        const stored = options.stringify ? JSON.stringify(session) : session
        await sessions.replaceOne({}, { ...document, session: stored })
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

test('what stands in the place of a cookie and is none does not end a request', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const visitor = await visitorOf(t, store)
  await visitor.login()
  const document = await sessions.findOne()
  for (const cookie of ['text', 5, true, null, [], new Date()]) {
    await sessions.replaceOne({}, { ...document, session: { cookie, user: 'ada' } })
    assert.equal(await visitor.request(({ session }) => session.user), 'ada', String(cookie))
  }
  await sessions.replaceOne({}, { ...document, session: { user: 'ada' } })
  assert.equal(await visitor.request(({ session }) => session.user), 'ada')
})
