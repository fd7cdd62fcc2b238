// The option `previousStore`: what a move writes, and what of the previous store cannot be used.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { MongoSessionStore } from '../index.mjs'
import { Previous } from './previous-store-support.mjs'
import {
  answers,
  database,
  failure,
  load,
  newSession,
  onBothEngines,
  openStore,
  succeeds,
  until,
} from './support.mjs'

const withoutCookie = ({ cookie: _cookie, ...data }) => data

const FORMS = {
  document: {},
  text: { stringify: true },
  'own form': {
    serialize: (session) => ({ s: JSON.stringify(session) }),
    unserialize: ({ s }) => JSON.parse(s),
  },
  cryptoAdapter: {
    cryptoAdapter: {
      encrypt: async (text) => Buffer.from(text).toString('hex'),
      decrypt: async (text) => Buffer.from(text, 'hex').toString(),
    },
  },
  encryption: { encryption: { keys: [Buffer.alloc(32, 1)] } },
  'other ids': { hashIds: true, transformId: (sid) => `${sid}!`, prefix: 'app:' },
  'other fields': { fields: { id: 'sid', session: 'data', expires: 'until' } },
  flags: { deleteFlags: true },
  replace: { save: 'replace' },
}

for (const [form, options] of Object.entries(FORMS)) {
  onBothEngines(test, `a session moves into its form: ${form}`, async (t, open, { sessions }) => {
    const previousStore = new Previous({ user: 'ada', 'a.b': { $c: 1 } })
    const store = open({ previousStore, ...options })
    const expected = { user: 'ada', 'a.b': { $c: 1 } }
    assert.deepEqual(withoutCookie(await store.get('sid')), expected)
    assert.equal(previousStore.has, false)
    if (sessions) {
      const moved = await sessions.findOne()
      const { session } = await anew(store)
      await sessions.deleteMany()
      await store.set('sid', session)
      assert.deepEqual(shapeOf(moved), shapeOf(await sessions.findOne()))
    }
    await store.destroy('sid')
    assert.equal(await store.get('sid'), null)
  })
}

/** A request whose session holds the same, and of which nothing is known. */
async function anew(store) {
  const { cookie, ...data } = await load(store)
  const req = { sessionID: 'sid', sessionStore: store }
  store.createSession(req, { cookie: { ...cookie, expires: cookie.expires }, ...data })
  return req
}

/** A document with the kinds of its values in their places. */
function shapeOf(value) {
  if (value?.constructor !== Object) return value?.constructor.name
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
}

onBothEngines(
  test,
  "a moved session is its user's, and newer than none",
  async (t, open, { sessions }) => {
    const options = {
      userId: ({ user }) => user,
      maxPerUser: 2,
      timestamps: true,
      absoluteTimeout: 60_000,
    }
    const store = open({ previousStore: new Previous(), ...options })
    await store.set('a', newSession({ user: 'ada' }))
    await store.get('sid')
    const entries = await store.sessionsOf('ada')
    assert.deepEqual(
      entries.map(({ sid }) => sid),
      ['a', 'sid'],
    )
    if (sessions) {
      const { createdAt, updatedAt, expires, userId, userSince } = await sessions.findOne({
        _id: 'sid',
      })
      assert.equal(userId, 'ada')
      assert.equal(userSince, undefined)
      assert.deepEqual(createdAt, updatedAt)
      assert.ok(expires - createdAt <= 60_000)
    }
    await store.set('b', newSession({ user: 'ada' }))
    const left = await store.sessionsOf('ada')
    assert.deepEqual(
      left.map(({ sid }) => sid),
      ['a', 'b'],
    )
  },
)

onBothEngines(
  test,
  'an error of the previous store reaches the caller as it is',
  async (t, open) => {
    const error = new Error('out of order')
    for (const [name, fails] of Object.entries({
      'by its callback': (_sid, callback) => callback(error),
      'by its callback later': (_sid, callback) => setImmediate(callback, error),
      'by throwing': () => {
        throw error
      },
    })) {
      const previousStore = new Previous()
      const store = open({ previousStore })
      previousStore.get = fails
      assert.equal(await failure(store.get('sid')), error, name)
      assert.equal(await new Promise((resolve) => store.get('sid', resolve)), error, name)
      delete previousStore.get
      previousStore.destroy = fails
      assert.equal(await failure(store.destroy('none')), error, name)
      assert.equal(await failure(store.get('sid')), error, name)
      delete previousStore.destroy
      // It is in both stores now, and who destroys it does so in both.
      assert.equal((await store.get('sid')).user, 'ada')
      assert.equal(previousStore.has, true)
      await store.destroy('sid')
      assert.equal(previousStore.has, false)
      assert.equal(await store.get('sid'), null)
      await store.close()
    }
  },
)

onBothEngines(test, 'a session is not destroyed here if it could not be there', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  await store.set('own', newSession())
  previousStore.destroy = (_sid, callback) => callback(new Error('out of order'))
  await failure(store.destroy('own'))
  assert.notEqual(await store.get('own'), null)
})

onBothEngines(test, 'whatever means that there is no session is understood', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  for (const answer of [[], [null], [null, null], [undefined, false], [enoent()]]) {
    previousStore.get = (_sid, callback) => callback(...answer)
    assert.equal(await store.get('sid'), null, String(answer))
  }
  previousStore.destroy = (_sid, callback) => callback(enoent())
  await store.destroy('sid')
})

function enoent() {
  return Object.assign(new Error('no such file'), { code: 'ENOENT' })
}

onBothEngines(test, 'a callback that is called twice counts once', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  previousStore.get = (sid, callback) =>
    session.MemoryStore.prototype.get.call(previousStore, sid, (...args) => {
      callback(...args)
      callback(new Error('again'))
    })
  let calls = 0
  await new Promise((resolve) => store.get('sid', () => resolve(calls++)))
  await store.ping()
  assert.equal(calls, 1)
  assert.equal((await store.get('sid')).user, 'ada')
})

onBothEngines(test, 'a previous store that does not answer is given up', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore, operationTimeout: 500 })
  await answers(store)
  for (const name of ['get', 'destroy']) {
    previousStore[name] = () => {}
    // The database has the same short time, in which a machine that stands still does not answer.
    const message = await until(async () => {
      const error = await failure(store[name]('sid'))
      assert.equal(error.code, 'ERR_STORE_TIMEOUT')
      return / for the option 'previousStore'$/.test(error.message) && error.message
    }, 'the previous store to be given up')
    assert.match(message, new RegExp(`^${name} timed out after 500 ms `))
    delete previousStore[name]
  }
  assert.equal(previousStore.has, true)
  let found
  await until(() => succeeds(store.get('sid').then((session) => (found = session))), 'the session')
  assert.equal(found.user, 'ada')
})

onBothEngines(test, 'what is no session stays where it is', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  for (const found of ['text', [], {}, { cookie: 'text' }, 5]) {
    previousStore.get = (_sid, callback) => callback(null, found)
    const error = await failure(store.get('sid'))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.match(error.message, /'previousStore'/)
  }
  assert.equal(previousStore.has, true)
})

test('a session that cannot be stored here stays in the previous store', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions', { validator: { never: { $exists: true } } })
  const previousStore = new Previous()
  const store = openStore(t, { uri, previousStore })
  assert.equal((await failure(store.get('sid'))).code, 'ERR_STORE_SERVER')
  assert.equal(previousStore.has, true)
  await db.command({ collMod: 'sessions', validator: {} })
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal(previousStore.has, false)
  assert.equal(await sessions.countDocuments(), 1)
})

test('sessions move on to hashed ids in another collection', async (t) => {
  const { uri, db, sessions } = await database(t)
  const previousStore = openStore(t, { uri })
  await previousStore.set('sid', newSession({ user: 'ada' }))
  const store = openStore(t, { uri, collection: 'hashed', hashIds: true, previousStore })
  assert.equal((await store.get('sid')).user, 'ada')
  const { _id } = await db.collection('hashed').findOne()
  assert.match(_id, /^[\w-]{43}$/)
  assert.equal(await store.get(_id), null, 'a leaked hash is no session id')
  assert.equal(await sessions.countDocuments(), 0)
})

test('what is no store is refused by name', () => {
  const destroy = () => {}
  for (const previousStore of [null, 5, 'redis', [], {}, { destroy }, new Map(), () => {}]) {
    const open = () => new MongoSessionStore({ uri: 'memory:', previousStore })
    assert.throws(open, (error) => {
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_STORE_OPTION')
      assert.match(error.message, /'previousStore[.\w]*'/)
      return true
    })
  }
})

test('sessions do not move into a memory that the operator has not asked for', () => {
  const options = { uri: 'memory:', previousStore: new Previous() }
  new MongoSessionStore({ ...options, fallbackMemory: false }).close()
  assert.throws(() => new MongoSessionStore({ ...options, fallbackMemory: true }), {
    name: 'TypeError',
    code: 'ERR_STORE_OPTION',
    message: "options 'previousStore' and 'fallbackMemory' exclude each other",
  })
})
