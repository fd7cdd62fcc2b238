// The option `previousStore`: what a move writes, what comes in between, and what goes wrong.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { MongoSessionStore } from '../index.mjs'
import { UNREACHABLE, openProxy, ownMongod } from './outage-support.mjs'
import {
  answers,
  connected,
  database,
  failure,
  load,
  newSession,
  onBothEngines,
  openStore,
  succeeds,
  until,
} from './support.mjs'

/** A store of express-session with a session in it, of which a test can put itself in the way. */
class Previous extends session.MemoryStore {
  constructor(data = { user: 'ada' }) {
    super()
    const cookie = new session.Cookie({ maxAge: 60_000 })
    this.sessions.sid = JSON.stringify({ cookie, ...data })
  }

  get has() {
    return 'sid' in this.sessions
  }

  /** Holds the next call of a method: before it begins, or its answer, until `release` is called. */
  hold(method, { answer: holdsAnswer = false } = {}) {
    const original = Object.getPrototypeOf(this)[method]
    let called
    let release
    const isCalled = new Promise((resolve) => (called = resolve))
    const released = new Promise((resolve) => (release = resolve))
    this[method] = (sid, callback) => {
      delete this[method]
      const begin = (callback) => original.call(this, sid, callback)
      if (holdsAnswer) begin((...args) => (called(), released.then(() => callback(...args))))
      else (called(), released.then(() => begin(callback)))
    }
    return { isCalled, release }
  }
}

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

onBothEngines(test, 'a late move does not undo what was saved meanwhile', async (t, open) => {
  const previousStore = new Previous({ n: 1 })
  const store = open({ previousStore })
  const { isCalled, release } = previousStore.hold('get', { answer: true })
  const late = store.get('sid')
  await isCalled
  const session = await load(store)
  session.n = 2
  await store.set('sid', session)
  release()
  assert.equal((await late).n, 2)
  assert.equal((await store.get('sid')).n, 2)
})

onBothEngines(test, 'a session that moves while it is asked for is found', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  const { isCalled, release } = previousStore.hold('get')
  const late = store.get('sid')
  await isCalled
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal(previousStore.has, false)
  release()
  assert.equal((await late).user, 'ada')
})

test('a session moves however often what has expired is removed meanwhile', async (t) => {
  const { uri, sessions } = await database(t)
  const previousStore = new Previous()
  const store = openStore(t, { uri, previousStore })
  const { get } = Previous.prototype
  let removals = 0
  previousStore.get = (sid, callback) => {
    // As MongoDB's TTL index does it, between the two looks.
    const removed = removals < 5 ? sessions.deleteMany({ expires: { $lt: new Date() } }) : {}
    Promise.resolve(removed).then(({ deletedCount = 0 }) => {
      removals += deletedCount
      get.call(previousStore, sid, callback)
    })
  }
  assert.equal((await store.get('sid'))?.user, 'ada')
  assert.equal(removals, 5)
  assert.equal(previousStore.has, false)
})

for (const deleteFlags of [false, true]) {
  for (const [way, hasMoved] of [
    ['by who has not asked for it', false],
    ['by who has moved it', true],
  ]) {
    const title = `a session that is destroyed while it moves stays so, ${way}, flags: ${deleteFlags}`
    onBothEngines(test, title, async (t, open, { sessions }) => {
      const previousStore = new Previous()
      const store = open({ previousStore, deleteFlags })
      const { isCalled, release } = previousStore.hold('get', { answer: true })
      const late = store.get('sid')
      await isCalled
      if (hasMoved) assert.equal((await store.get('sid')).user, 'ada')
      await store.destroy('sid')
      release()
      assert.equal(await late, null)
      assert.equal(await store.get('sid'), null)
      assert.equal(previousStore.has, false)
      if (sessions && !deleteFlags) assert.equal(await sessions.countDocuments(), 0)
    })
  }
}

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

test('a server that is killed during a move loses no session', async (t) => {
  const mongod = await ownMongod(t)
  const previousStore = new Previous()
  const store = await connected(openStore(t, { uri: mongod.uri, previousStore }))
  const { isCalled, release } = previousStore.hold('get')
  const error = failure(store.get('sid'))
  await isCalled
  await mongod.kill()
  release()
  assert.match((await error).code, UNREACHABLE)
  assert.equal(previousStore.has, true)
  await mongod.start()
  let session
  await until(() => succeeds(store.get('sid').then((found) => (session = found))), 'the server')
  assert.equal(session.user, 'ada')
  assert.equal(previousStore.has, false)
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

test('a session whose move was sent twice does not stay in the previous store', async (t) => {
  const mongod = await ownMongod(t)
  const proxy = await openProxy(t, mongod.port)
  const previousStore = new Previous()
  const store = openStore(t, { uri: proxy.uri, previousStore, operationTimeout: 2000 })
  await answers(store)
  proxy.cutReply('setOnInsert')
  await until(() => succeeds(store.get('sid')), 'the session')
  assert.equal(proxy.cuts, 1)
  assert.equal((await store.get('sid')).user, 'ada')
  await until(() => !previousStore.has, 'the previous store to be without it')
  await store.clear()
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'who comes second does not undo a move that is under way', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  const second = previousStore.hold('get', { answer: true })
  const late = store.get('sid')
  await second.isCalled
  const first = previousStore.hold('get', { answer: true })
  const moved = store.get('sid')
  await first.isCalled
  const look = previousStore.hold('get')
  first.release()
  await look.isCalled
  // The session is here, and who has moved it has yet to look whether it was destroyed meanwhile.
  second.release()
  assert.equal((await late).user, 'ada')
  look.release()
  assert.equal((await moved).user, 'ada')
  assert.equal(previousStore.has, false)
  assert.equal((await store.get('sid')).user, 'ada')
})

for (const [what, write] of Object.entries({
  'a save of a difference': (store, held) => {
    held.late = true
    return store.set('sid', held)
  },
  'a touch': (store, held) => store.touch('sid', held),
  'a touch with another cookie': (store, held) => {
    held.cookie.maxAge = 3_600_000
    return store.touch('sid', held)
  },
})) {
  for (const [how, options] of Object.entries({
    '': {},
    ', whole': { save: 'replace' },
    ', as text': { stringify: true },
    ', with other fields': { fields: { expires: 'until' } },
    ', with a limit': { userId: ({ user }) => user, maxPerUser: 3 },
  })) {
    const title = `${what} from before a session was destroyed makes no session of a move that is not sure${how}`
    onBothEngines(test, title, async (t, open) => {
      const previousStore = new Previous()
      const store = open({ previousStore, ...options })
      const first = previousStore.hold('get', { answer: true })
      const late = store.get('sid')
      await first.isCalled
      const held = await load(store)
      await store.destroy('sid')
      const look = previousStore.hold('get')
      first.release()
      await look.isCalled
      await write(store, held)
      look.release()
      assert.equal(await late, null)
      assert.equal(await store.get('sid'), null)
      assert.equal(await store.length(), 0)
    })
  }
}

onBothEngines(test, 'a session that moves is none before the move is sure', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore, userId: ({ user }) => user })
  const second = await secondLook(previousStore, store)
  assert.equal(await store.length(), 0)
  assert.deepEqual(await store.ids(), [])
  assert.deepEqual(await store.sessionsOf('ada'), [])
  await store.destroy('sid')
  second.release()
  assert.equal(await second.late, null)
  assert.equal(await store.get('sid'), null)
})

onBothEngines(
  test,
  'a move that fails halfway leaves no session, and is begun again',
  async (t, open) => {
    const previousStore = new Previous()
    const store = open({ previousStore })
    const error = new Error('out of order')
    const failing = await secondLook(previousStore, store)
    failing.fail(error)
    assert.equal(await failure(failing.late), error)
    assert.equal(await store.length(), 0)
    assert.equal((await store.get('sid')).user, 'ada')
    assert.equal(previousStore.has, false)
    assert.equal(await store.length(), 1)
  },
)

onBothEngines(
  test,
  'a session that was destroyed after a move failed halfway is not served',
  async (t, open) => {
    const previousStore = new Previous()
    const store = open({ previousStore })
    const failing = await secondLook(previousStore, store)
    failing.fail(new Error('out of order'))
    await failure(failing.late)
    await store.destroy('sid')
    assert.equal(await store.get('sid'), null)
    const late = store.createSession({ sessionID: 'other' }, newSession())
    await store.set('other', late)
    assert.deepEqual(await store.ids(), ['other'])
  },
)

/** A get of the session that is moving, and waits for what its second look at the previous store answers. */
async function secondLook(previousStore, store) {
  let looks = 0
  let end
  const isCalled = new Promise((resolve) => {
    previousStore.get = function (sid, callback) {
      const original = Object.getPrototypeOf(this).get
      if (++looks === 1) return original.call(this, sid, callback)
      delete this.get
      end = callback
      resolve()
    }
  })
  const late = store.get('sid')
  late.catch(() => {})
  await isCalled
  return {
    late,
    fail: (error) => end(error),
    release: () => previousStore.get('sid', end),
  }
}
