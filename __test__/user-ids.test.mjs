// What names a user: what the option `userId` may return, and what the methods about users take.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Int32, Long, ObjectId } from 'mongodb'
import { onEveryApp } from './express-support.mjs'
import { failure, newSession, onBothEngines, openStore, until } from './support.mjs'

const userId = (session) => session.user
const sids = (entries) => entries.map(({ sid }) => sid)

onBothEngines(test, 'users are told apart whatever their ids look like', async (t, open) => {
  const store = open({ userId })
  const users = ['$ne', '{"$ne":null}', '$$REMOVE', '$session', 'a.b', '\0', 'ä😀', ' ', 'null', 'x'.repeat(2000)] // prettier-ignore
  await Promise.all(users.map((user, n) => store.set(`sid${n}`, newSession({ user }))))
  for (const [n, user] of users.entries()) {
    assert.deepEqual(sids(await store.sessionsOf(user)), [`sid${n}`])
  }
  assert.equal(await store.destroyByUser('$ne'), 1)
  assert.equal(await store.length(), users.length - 1)
})

onBothEngines(test, 'a user that cannot be one is refused before it is sent', async (t, open) => {
  const store = open({ userId })
  await store.set('sid', newSession({ user: 'ada' }))
  for (const user of [
    undefined,
    null,
    5.5,
    '',
    {},
    { $ne: null },
    ['ada'],
    '\ud800',
    () => 'ada',
  ]) {
    for (const call of [store.sessionsOf(user), store.destroyByUser(user, {})]) {
      const error = await failure(call)
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    }
  }
  for (const except of [null, 5, {}, '\udfff']) {
    const error = await failure(store.destroyByUser('ada', { except }))
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
  }
  assert.equal((await failure(store.destroyByUser('ada', null))).code, 'ERR_INVALID_ARG_TYPE')
  assert.match((await failure(store.destroyByUser('ada', { but: 'a' }))).message, /'but'/)
  assert.equal(await store.length(), 1)
})

onBothEngines(
  test,
  'a bad answer of the option fails the save and writes nothing',
  async (t, open) => {
    let answer
    const store = open({ userId: () => answer })
    const mimic = { _bsontype: 'ObjectId', toString: () => 'x' }
    for (const [refused, kind] of [
      [null, 'null'],
      [5.5, 'a number with a fraction'],
      [2 ** 53, 'a number beyond 2^53'],
      [NaN, 'NaN'],
      ['', 'an empty string'],
      [true, 'a boolean'],
      [{}, 'an object'],
      [['ada'], 'an array'],
      [new Date(), 'an object of the type Date'],
      [() => 'ada', 'a function'],
      [Promise.reject(new Error('late')), 'a promise'],
      ['\ud800', 'a string with a lone surrogate'],
      [mimic, 'an object'],
      [{ ...mimic, toString: () => ({}) }, 'an object'],
    ]) {
      answer = refused
      const error = await failure(store.set('sid', newSession()))
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_STORE_OPTION')
      assert.match(error.message, /'userId' must return .*integer or an ObjectId/)
      assert.ok(error.message.endsWith(`got ${kind}`), error.message)
    }
    assert.equal(await store.length(), 0)
  },
)

onEveryApp(
  'a bad answer that is found out when the page is on its way is a warning as well, once',
  async (t, { open, visit }) => {
    const store = open({ userId: (session) => session.user })
    const browser = await visit({ store }, (app) => {
      app.get('/login', (req, res) => {
        req.session.user = {}
        res.end('welcome')
      })
      app.get('/saved', (req, res, next) => {
        req.session.user = {}
        req.session.save((error) => (error ? next(error) : res.end('welcome')))
      })
    })
    for (let time = 0; time < 2; time++) {
      // Whether all of the page arrives is between express-session and the connection.
      await browser.get('/login').catch(() => {})
      await until(() => store.events.length > 0, 'the warning')
    }
    assert.equal(await store.length(), 0)
    // Who saves the session before the page is asked for an error page.
    const { status } = await browser.get('/saved')
    assert.equal(status, 500)
    const [{ name, value }] = store.events
    assert.equal(store.events.length, 1)
    assert.deepEqual([name, value.code], ['warning', 'ERR_STORE_OPTION'])
    assert.match(value.message, /'userId' must return .* got an object$/)
  },
)

onBothEngines(test, 'integers and ObjectIds name users by their text', async (t, open, w) => {
  const store = open({ userId })
  const hex = '0123456789abcdef01234567'
  const users = [
    [17, '17'],
    [-3n, '-3'],
    [2n ** 60n, String(2n ** 60n)],
    [new ObjectId(hex), hex],
    [new Long(9), '9'],
    [new Int32(8), '8'],
  ]
  for (const [user, text] of users) {
    await store.set(`of ${text}`, newSession({ user }))
    assert.deepEqual(sids(await store.sessionsOf(user)), [`of ${text}`])
    assert.deepEqual(sids(await store.sessionsOf(text)), [`of ${text}`])
    if (w.sessions) {
      assert.equal((await w.sessions.findOne({ _id: `of ${text}` })).userId, text)
    }
  }
  for (const [user] of users) assert.equal(await store.destroyByUser(user), 1)
  assert.equal(await store.length(), 0)
})

onEveryApp('who logs in by an ObjectId is known by it', async (t, { open, visit }) => {
  const store = open({ userId: (session) => session.passport?.user })
  const ada = new ObjectId()
  const browser = await visit({ store }, (app) => {
    app.post('/login', (req, res) => {
      req.session.passport = { user: ada }
      res.end()
    })
  })
  assert.equal((await browser.post('/login')).status, 200)
  assert.deepEqual(sids(await store.sessionsOf(ada)), [browser.sid()])
})

test('what the option throws fails the save', async (t) => {
  const thrown = new Error('no user today')
  const store = openStore(t, {
    uri: 'memory:',
    userId() {
      throw thrown
    },
  })
  assert.equal(await failure(store.set('sid', newSession())), thrown)
  await store.touch('sid', newSession())
})
