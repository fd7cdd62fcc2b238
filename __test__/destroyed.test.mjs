// Destroyed stays destroyed: what becomes of a session that is gone while a request still holds it.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { onBothApps, regenerate, reload, save, visitorOf } from './parallel-support.mjs'
import {
  database,
  failure,
  isLong,
  load,
  newSession,
  onBothEngines,
  openStore,
  until,
} from './support.mjs'

const destroy = (req) => new Promise((resolve) => req.session.destroy(resolve))

/** How a session can end while another request holds it, in the same process. */
const ENDS = {
  'another request destroys it': (visitor) => visitor.request(destroy),
  'another request regenerates it': async (visitor) => {
    const { browser } = visitor
    // The slow request keeps the cookie that it came with.
    visitor.browser = browser.clone()
    await visitor.request(regenerate)
    visitor.browser = browser
  },
  'the store destroys it': (visitor, store) => store.destroy(visitor.sid),
  'the store is cleared': (visitor, store) => store.clear(),
}

for (const [how, end] of Object.entries(ENDS)) {
  onBothApps(`a late save creates nothing after ${how}`, {}, async (t, visitor, { store }) => {
    const sid = await visitor.login()
    await visitor.request(async (req) => {
      await end(visitor, store)
      req.session.late = true
    })
    assert.equal(await store.get(sid), null)
    await until(() => store.events.length > 0, 'the discard')
    assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
  })

  onBothApps(`a late touch is silent after ${how}`, {}, async (t, visitor, { store }) => {
    const sid = await visitor.login()
    await visitor.request(() => end(visitor, store))
    assert.equal(await store.get(sid), null)
    assert.deepEqual(store.events, [])
  })
}

onBothApps(
  'a whole late save creates nothing',
  { save: 'replace' },
  async (t, visitor, { store }) => {
    const sid = await visitor.login()
    await visitor.request(async (req) => {
      await store.destroy(sid)
      req.session.late = true
    })
    assert.equal(await store.get(sid), null)
    await until(() => store.events.length > 0, 'the discard')
    assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
  },
)

onBothApps('each of ten late saves is discarded by itself', {}, async (t, visitor, { store }) => {
  const sid = await visitor.login()
  let gone
  await visitor.atOnce(
    ...Array.from({ length: 10 }, (_, index) => async (session) => {
      await (gone ??= store.destroy(sid))
      session.late = index
    }),
  )
  assert.equal(await store.length(), 0)
  await until(() => store.events.length === 10, 'ten discards')
  assert.ok(store.events.every(({ name, value }) => name === 'discard' && value === sid))
})

/** One is enough for a store that brings sessions back, as others do in each. */
const LOGOUTS = isLong ? 200 : 30

onBothApps(
  `${LOGOUTS} logouts during a slow request bring no session back`,
  {},
  async (t, visitor, world) => {
    for (let round = 0; round < LOGOUTS; round++) {
      await visitor.login()
      await visitor.request(async (req) => {
        await visitor.request(destroy)
        req.session.late = round
      })
    }
    assert.equal(await world.store.length(), 0)
  },
)

onBothApps('sessions beside a late save are not affected', {}, async (t, visitor, { store }) => {
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    await store.destroy(sid)
    req.session.late = true
    const others = Array.from({ length: 20 }, (_, n) => store.set(`other${n}`, newSession({ n })))
    await Promise.all([save(req), ...others])
  })
  assert.equal(await store.length(), 20)
  await until(() => store.events.length > 0, 'the discard')
  assert.ok(store.events.every(({ name, value }) => name === 'discard' && value === sid))
})

onBothApps(
  'a new session is created by its first save alone',
  {},
  async (t, visitor, { store }) => {
    const sid = await visitor.request(async (req) => {
      req.session.step = 1
      await save(req)
      assert.equal((await store.get(req.sessionID)).step, 1)
      await store.destroy(req.sessionID)
      req.session.step = 2
      await save(req)
      assert.equal(await store.get(req.sessionID), null)
      req.session.step = 3
      return req.sessionID
    })
    assert.equal(await store.get(sid), null)
    await until(() => store.events.length === 2, 'two discards')
  },
)

onBothApps(
  'a new session that stays is updated by later saves',
  {},
  async (t, visitor, { store }) => {
    await visitor.request(async (req) => {
      for (const step of [1, 2, 3]) {
        req.session.step = step
        await save(req)
      }
      req.session.last = true
    })
    assert.deepEqual(await visitor.data(), { step: 3, last: true })
    assert.deepEqual(store.events, [])
  },
)

onBothApps(
  'a regenerated session is a new one, created once',
  {},
  async (t, visitor, { store }) => {
    const before = await visitor.login()
    await visitor.request(async (req) => {
      const session = await regenerate(req)
      assert.equal(await store.get(before), null)
      session.user = 'bob'
    })
    assert.deepEqual(await visitor.data(), { user: 'bob' })
    assert.equal(await store.length(), 1)
    await visitor.request(async (req) => {
      const { sessionID, session } = Object.assign(req, { session: await regenerate(req) })
      session.user = 'eve'
      await save(req)
      await store.destroy(sessionID)
      session.late = true
    })
    assert.equal(await store.length(), 0)
  },
)

onBothApps(
  'a session that ended before the request is followed by a blank one',
  {},
  async (t, v) => {
    const sid = await v.login()
    await v.store.destroy(sid)
    const user = await v.request(({ session }) => {
      const { user = 'nobody' } = session
      session.user = 'bob'
      return user
    })
    assert.equal(user, 'nobody')
    assert.notEqual(v.sid, sid)
    assert.equal(await v.store.length(), 1)
  },
)

onBothEngines(test, 'a plain object is created however often it ends', async (t, open) => {
  const store = open()
  const plain = newSession({ user: 'ada' })
  for (let round = 0; round < 3; round++) {
    await store.set('sid', plain)
    assert.equal((await store.get('sid')).user, 'ada')
    await store.destroy('sid')
  }
  await store.set('sid', plain)
  const read = await store.get('sid')
  await store.destroy('sid')
  await store.set('sid', read)
  assert.equal((await store.get('sid')).user, 'ada')
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'a session that is saved under another id is created', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ user: 'ada' }))
  const loaded = store.createSession(
    { sessionID: 'sid', sessionStore: store },
    await store.get('sid'),
  )
  assert.ok(loaded instanceof session.Session)
  await store.destroy('sid')
  await store.set('copy', loaded)
  assert.equal((await store.get('copy')).user, 'ada')
  assert.equal(await store.get('sid'), null)
  await store.destroy('copy')
  loaded.late = true
  await store.set('copy', loaded)
  assert.equal(await store.get('copy'), null)
})

onBothEngines(test, 'a session that is taken over under another id is created', async (t, open) => {
  const store = open()
  await store.set('sid', newSession({ user: 'ada' }))
  const req = { sessionID: 'copy', sessionStore: store }
  const copy = await new Promise((resolve, reject) => {
    store.get('sid', (error, data) => {
      if (error) reject(error)
      else resolve(store.createSession(req, data))
    })
  })
  await store.set('copy', copy)
  assert.equal((await store.get('copy')).user, 'ada')
  assert.deepEqual(store.events, [])
  // From now on it is a session like any other.
  await store.destroy('copy')
  await store.set('copy', copy)
  assert.equal(await store.get('copy'), null)
  assert.equal((await store.get('sid')).user, 'ada')
})

onBothApps('a log-in keeps the cart', {}, async (t, visitor, { store }) => {
  const before = await visitor.login({ cart: ['tea'] })
  await visitor.request(async (req) => {
    const data = await store.get(before)
    await regenerate(req)
    // It becomes req.session.
    store.createSession(req, data).user = 'ada'
  })
  assert.notEqual(visitor.sid, before)
  assert.deepEqual(await visitor.data(), { cart: ['tea'], user: 'ada' })
  assert.equal(await store.get(before), null)
  assert.deepEqual(store.events, [])
})

/** Of two stores of one process: what they have in common, and what each has of its own. */
const TWINS = {
  'the same options': [{}],
  'an id of their own making': [{ transformId: (sid) => `${sid}!`, hashIds: true, prefix: 'app:' }],
  'names of their own': [{ fields: { id: 'key', session: 'data' } }],
  encryption: [{ encryption: { keys: [Buffer.alloc(32, 1)] } }],
  'other rules': [{}, { deleteFlags: true, userId: ({ user }) => user, touchAfter: 1000 }],
  'other forms': [{}, { stringify: true }],
  'whole saves': [{}, { save: 'replace' }],
}

for (const [what, [common, own]] of Object.entries(TWINS)) {
  test(`a session that another store of the collection has loaded is not created, with ${what}`, async (t) => {
    const { uri } = await database(t)
    const one = openStore(t, { uri, ...common })
    const other = openStore(t, { uri, ...common, ...own })
    for (const [loader, saver] of [
      [one, other],
      [other, one],
    ]) {
      await loader.set('sid', newSession({ user: 'ada', n: 0 }))
      const loaded = await load(loader)
      loaded.n = 1
      await saver.set('sid', loaded)
      loaded.n = 2
      await loader.set('sid', loaded)
      assert.equal((await saver.get('sid')).n, 2)
      await loader.destroy('sid')
      loaded.n = 3
      await saver.set('sid', loaded)
      assert.equal(await saver.get('sid'), null)
      // Who has never heard of flags is told nothing of them.
      const isTold = !own?.deleteFlags || saver === other
      if (isTold) assert.deepEqual(saver.events.pop(), { name: 'discard', value: 'sid' })
      await one.cleanup()
    }
  })
}

test('parallel requests on two stores of a collection keep the changes of each other', async (t) => {
  const { uri } = await database(t)
  const [one, other] = [openStore(t, { uri }), openStore(t, { uri })]
  await one.set('sid', newSession({ a: 0, b: 0 }))
  const [first, second] = [await load(one), await load(one)]
  first.a = 1
  second.b = 1
  await other.set('sid', first)
  await other.set('sid', second)
  const { cookie: _cookie, ...data } = await one.get('sid')
  assert.deepEqual(data, { a: 1, b: 1 })
})

onBothEngines(test, 'a session of another store is created', async (t, open) => {
  const [one, other] = [open(), open({ collection: 'others' })]
  await one.set('sid', newSession({ user: 'ada' }))
  const loaded = one.createSession({ sessionID: 'sid', sessionStore: one }, await one.get('sid'))
  await other.set('sid', loaded)
  assert.equal((await other.get('sid')).user, 'ada')
})

/** How a new session can end whose first save has not come back. */
const EARLY_ENDS = {
  destroy: (store) => store.destroy('sid'),
  clear: (store) => store.clear(),
  flagDeletion: (store) => store.flagDeletion('sid'),
  'flagDeletion of all': (store) => store.flagDeletion(null),
}

for (const [how, end] of Object.entries(EARLY_ENDS)) {
  onBothEngines(test, `a new session is not saved again after ${how}`, async (t, open) => {
    const store = open()
    const session = store.createSession({ sessionID: 'sid' }, newSession({ step: 1 }))
    const first = store.set('sid', session)
    const ended = end(store)
    session.step = 2
    await Promise.all([first, ended, store.set('sid', session)])
    assert.equal(await store.get('sid'), null)
    assert.deepEqual(store.events, [{ name: 'discard', value: 'sid' }])
    session.step = 3
    await store.set('sid', session)
    assert.equal(await store.get('sid'), null)
  })
}

onBothEngines(test, 'a new session is saved by whichever save succeeds', async (t, open) => {
  const store = open()
  const session = store.createSession({ sessionID: 'sid' }, newSession({ step: 1 }))
  session.large = 'x'.repeat(2 ** 24)
  const first = failure(store.set('sid', session))
  delete session.large
  const second = store.set('sid', session)
  assert.equal((await first).code, 'ERR_STORE_TOO_LARGE')
  await second
  assert.equal((await store.get('sid')).step, 1)
  await store.destroy('sid')
  await store.set('sid', session)
  // The one that was refused is a warning.
  assert.deepEqual(store.events.pop(), { name: 'discard', value: 'sid' })
  // Another one of this id has nothing to do with it.
  const another = store.createSession({ sessionID: 'sid' }, newSession({ step: 4 }))
  const third = store.set('sid', another)
  await Promise.all([third, store.destroy('other'), store.set('sid', another)])
  assert.equal((await store.get('sid')).step, 4)
})

test('a late save succeeds and creates nothing without a listener for discard', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  store.removeAllListeners('discard')
  const visitor = await visitorOf(t, store)
  const _id = await visitor.login()
  await visitor.request(async (req) => {
    await sessions.deleteOne({ _id })
    req.session.late = true
    await save(req)
    assert.match((await failure(reload(req))).message, /failed to load session/)
  })
  assert.equal(await sessions.countDocuments(), 0)
})
