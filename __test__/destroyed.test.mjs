// Destroyed stays destroyed: what becomes of a session that is gone while a request still holds it.
import assert from 'node:assert/strict'
import test from 'node:test'
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
