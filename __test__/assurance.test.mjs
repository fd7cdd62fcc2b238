// Rules of assurance: limits that are functions, log-ins that are refused, requests that are no activity,
// proofs that grow old, and the levels of NIST.
import assert from 'node:assert/strict'
import test from 'node:test'
import { nextMillisecond } from './express-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { database, failure, load, newSession, onBothEngines, openStore } from './support.mjs'

const userId = (session) => session.user
const HOUR = 3_600_000
const DAY = 24 * HOUR

async function expiryOf(store, sid) {
  const entries = await store.entries()
  return entries.find((entry) => entry.sid === sid).expires.getTime()
}

/** What is told apart lies a minute apart at least, and a busy machine is slow. */
const isAbout = (actual, expected) => assert.ok(Math.abs(actual - expected) < 50_000, `${actual - expected} ms`) // prettier-ignore

onBothEngines(test, 'absoluteTimeout may depend on the session', async (t, open) => {
  const absoluteTimeout = (session) => (session.admin ? HOUR : Infinity)
  const store = open({ absoluteTimeout })
  const now = Date.now()
  await store.set('admin', newSession({ admin: true }, DAY))
  await store.set('visitor', newSession({}, DAY))
  isAbout(await expiryOf(store, 'admin'), now + HOUR)
  isAbout(await expiryOf(store, 'visitor'), now + DAY)
  const session = await load(store, 'visitor')
  await store.touch('admin', newSession({ admin: true }, 2 * DAY))
  isAbout(await expiryOf(store, 'admin'), now + HOUR)
  session.admin = true
  await store.set('visitor', session)
  isAbout(await expiryOf(store, 'visitor'), now + HOUR)
})

test('what counts is the creation, however often the session is used', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, absoluteTimeout: () => HOUR })
  await store.set('sid', newSession({}, DAY))
  const created = Date.now() - HOUR / 2
  await sessions.updateOne({}, { $set: { createdAt: new Date(created) } })
  const session = await load(store)
  session.views = 1
  await store.set('sid', session)
  isAbout(await expiryOf(store, 'sid'), created + HOUR)
  await store.touch('sid', await load(store))
  isAbout(await expiryOf(store, 'sid'), created + HOUR)
})

onBothEngines(test, 'maxPerUser may depend on the session', async (t, open) => {
  const store = open({ userId, maxPerUser: ({ admin }) => (admin ? 1 : Infinity) })
  for (const sid of ['a', 'b', 'c']) await store.set(sid, newSession({ user: 'ada' }))
  assert.equal((await store.sessionsOf('ada')).length, 3)
  for (const sid of ['d', 'e']) {
    await nextMillisecond()
    await store.set(sid, newSession({ user: 'eve', admin: true }))
  }
  assert.deepEqual((await store.sessionsOf('eve')).map(({ sid }) => sid), ['e']) // prettier-ignore
})

onBothEngines(
  test,
  'a log-in that is one too many is refused, and nobody is logged out',
  async (t, open) => {
    const store = open({ userId, maxPerUser: 2, whenFull: 'refuse' })
    await store.set('a', newSession({ user: 'ada' }))
    await store.set('b', newSession({ user: 'ada' }))
    const visitor = await visitorOf(t, store)
    const sid = await visitor.login({ cart: 1 })
    const code = await visitor.request(async (req) => {
      req.session.user = 'ada'
      const saved = new Promise((resolve) => req.session.save(resolve))
      const error = await saved
      delete req.session.user
      return error.code
    })
    assert.equal(code, 'ERR_STORE_TOO_MANY_SESSIONS')
    assert.deepEqual((await store.sessionsOf('ada')).map((entry) => entry.sid), ['a', 'b']) // prettier-ignore
    assert.equal((await store.get(sid)).cart, 1)
    const error = await failure(store.set('c', newSession({ user: 'ada' })))
    assert.equal(error.code, 'ERR_STORE_TOO_MANY_SESSIONS')
    assert.equal(await store.get('c'), null)
    // Others are not concerned, nor are the sessions that are there.
    await store.set('d', newSession({ user: 'bob' }))
    const session = await load(store, 'a')
    session.user = 'ada'
    session.views = 1
    await store.set('a', session)
    await store.set('b', newSession({ user: 'ada', views: 2 }))
    await store.destroy('a')
    await store.set('c', newSession({ user: 'ada' }))
    assert.deepEqual((await store.sessionsOf('ada')).map((entry) => entry.sid), ['b', 'c']) // prettier-ignore
  },
)

onBothEngines(test, 'of log-ins at the same moment no more stay than may', async (t, open) => {
  const store = open({ userId, maxPerUser: 2, whenFull: 'refuse' })
  const sids = Array.from({ length: 8 }, (_, at) => `sid${at}`)
  const others = sids.map((sid) => store.set(`other-${sid}`, newSession({ user: sid })))
  const saves = sids.map((sid) => store.set(sid, newSession({ user: 'ada' })))
  const outcomes = await Promise.allSettled(saves)
  await Promise.all(others)
  const kept = outcomes.filter(({ status }) => status === 'fulfilled')
  assert.ok(kept.length <= 2)
  for (const { reason } of outcomes.filter(({ status }) => status === 'rejected')) {
    assert.equal(reason.code, 'ERR_STORE_TOO_MANY_SESSIONS')
  }
  assert.equal((await store.sessionsOf('ada')).length, kept.length)
  assert.equal(await store.length(), others.length + kept.length)
})

test('of log-ins in several processes no more stay than may', async (t) => {
  const { uri } = await database(t)
  const options = { uri, userId, maxPerUser: 2, whenFull: 'refuse' }
  const stores = Array.from({ length: 4 }, () => openStore(t, options))
  const saves = stores.map((store, at) => store.set(`sid${at}`, newSession({ user: 'ada' })))
  const outcomes = await Promise.allSettled(saves)
  const kept = outcomes.filter(({ status }) => status === 'fulfilled').length
  assert.ok(kept <= 2)
  assert.equal((await stores[0].sessionsOf('ada')).length, kept)
})

onBothEngines(
  test,
  'of visitors who log in at the same moment no more stay than may',
  async (t, open, { engine }) => {
    const options = { userId, maxPerUser: 2, whenFull: 'refuse' }
    const count = 6
    const stores = Array.from({ length: engine === 'memory' ? 1 : count }, () => open(options))
    const sids = Array.from({ length: count }, (_, at) => `sid${at}`)
    const storeOf = (at) => stores[at % stores.length]
    // Their sessions are there already.
    for (const sid of sids) await stores[0].set(sid, newSession({ cart: 1 }))
    const visitors = await Promise.all(sids.map((sid, at) => load(storeOf(at), sid)))
    const logsIn = async (session, at) => {
      session.user = 'ada'
      await storeOf(at).set(sids[at], session)
    }
    const outcomes = await Promise.allSettled(visitors.map(logsIn))
    const kept = sids.filter((_, at) => outcomes[at].status === 'fulfilled')
    assert.ok(kept.length <= 2, `${kept.length} of them stay`)
    assert.deepEqual((await stores[0].sessionsOf('ada')).map(({ sid }) => sid), kept) // prettier-ignore
    for (const [at, { reason }] of outcomes.entries()) {
      if (kept.includes(sids[at])) continue
      assert.equal(reason.code, 'ERR_STORE_TOO_MANY_SESSIONS')
      // As it was, or ended, and then for good.
      assert.equal((await stores[0].get(sids[at]))?.user, undefined)
      await storeOf(at).touch(sids[at], visitors[at])
      delete visitors[at].user
      await storeOf(at).set(sids[at], visitors[at])
      assert.equal((await stores[0].get(sids[at]))?.user, undefined)
    }
    // A session that was the user's before is nobody's to end.
    const again = [...kept, ...['one', 'two'].slice(kept.length)]
    for (const sid of again) await stores[0].set(sid, newSession({ user: 'ada' }))
    await Promise.allSettled([
      ...again.map((sid) => stores[0].set(sid, newSession({ user: 'ada', n: 1 }))),
      ...sids.map((_, at) => storeOf(at).set(`more${at}`, newSession({ user: 'ada' }))),
    ])
    const left = (await stores[0].sessionsOf('ada')).map(({ sid }) => sid)
    assert.deepEqual(left.sort(), again.toSorted())
  },
)

onBothEngines(
  test,
  'a request that is no activity neither prolongs nor renews',
  async (t, open) => {
    const countsAsActivity = (req) => !req.headers['x-poll']
    const store = open({ userId, device: true, countsAsActivity })
    const visitor = await visitorOf(t, store, { rolling: true, cookie: { maxAge: 60_000 } })
    const sid = await visitor.login()
    const before = await expiryOf(store, sid)
    const [{ lastSeenAt }] = await store.devices('ada')
    await nextMillisecond()
    await nextMillisecond()
    const { post } = visitor.browser
    const poll = async (handler) => {
      visitor.browser.post = (path) => post.call(visitor.browser, path, { 'x-poll': '1' })
      await visitor.request(handler)
      visitor.browser.post = post
    }
    await poll(() => {})
    assert.equal(await expiryOf(store, sid), before)
    // What it changes is kept all the same.
    await poll(({ session }) => {
      session.polls = 1
    })
    assert.equal(await expiryOf(store, sid), before)
    assert.equal((await store.get(sid)).polls, 1)
    assert.deepEqual((await store.devices('ada'))[0].lastSeenAt, lastSeenAt)
    await visitor.request(() => {})
    assert.ok((await expiryOf(store, sid)) > before)
    assert.ok((await store.devices('ada'))[0].lastSeenAt > lastSeenAt)
  },
)

test('a proof of who somebody is grows old', (t) => {
  const store = openStoreInMemory(t, {})
  const session = newSession()
  assert.equal(store.isFresh(session, HOUR), false)
  store.authenticated(session)
  assert.equal(store.isFresh(session, HOUR), true)
  assert.equal(store.isFresh(JSON.parse(JSON.stringify(session)), HOUR), true)
  session.authenticatedAt = new Date(Date.now() - HOUR - 1)
  assert.equal(store.isFresh(session, HOUR), false)
  session.authenticatedAt = new Date(Date.now() + HOUR)
  assert.equal(store.isFresh(session, 2 * HOUR), false)
  session.authenticatedAt = 'no moment'
  assert.equal(store.isFresh(session, HOUR), false)
  assert.equal(store.isFresh(undefined, HOUR), false)
  for (const ms of [undefined, '5', -1, NaN]) {
    assert.throws(() => store.isFresh(session, ms), TypeError)
  }
  assert.throws(() => store.authenticated(undefined), TypeError)
})

for (const [assurance, absolute, inactive] of [
  [1, 30 * DAY, 90 * DAY],
  [2, DAY, HOUR],
  [3, DAY / 2, HOUR / 4],
]) {
  // prettier-ignore
  onBothEngines(test, `level ${assurance} ends sessions in time`, async (t, open) => {
    const store = open({ assurance })
    const now = Date.now()
    await store.set('sid', newSession({}, 90 * DAY))
    await store.set('browser', { cookie: { path: '/' } })
    isAbout(await expiryOf(store, 'sid'), now + Math.min(absolute, inactive))
    isAbout(await expiryOf(store, 'browser'), now + Math.min(DAY, inactive))
    await store.set('short', newSession({}, 60_000))
    isAbout(await expiryOf(store, 'short'), now + 60_000)
    await store.touch('sid', await load(store))
    isAbout(await expiryOf(store, 'sid'), now + Math.min(absolute, inactive))
  })
}

test('a level ends a session that is used all the time', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, assurance: 3, touchOnGet: true })
  await store.set('sid', newSession({}, 90 * DAY))
  await sessions.updateOne({}, { $set: { createdAt: new Date(Date.now() - DAY / 2) } })
  assert.equal(await store.get('sid'), null)
})

test('less than a level allows may be asked for, and not more', (t) => {
  const refused = {
    absoluteTimeout: { assurance: 2, absoluteTimeout: 2 * DAY },
    ttl: { assurance: 3, ttl: HOUR },
    assurance: { assurance: 4 },
    lastAccess: { assurance: 2, fields: { lastAccess: 'used' } },
    whenFull: { whenFull: 'refuse' },
    "'evict' or 'refuse'": { userId, maxPerUser: 1, whenFull: 'wait' },
    maxPerUser: { maxPerUser: () => 1 },
    countsAsActivity: { touchOnGet: true, countsAsActivity: () => true },
  }
  for (const [name, options] of Object.entries(refused)) {
    assert.throws(() => openStoreInMemory(t, options), (error) => {
      assert.equal(error.code, 'ERR_STORE_OPTION')
      return error.message.includes(name)
    }) // prettier-ignore
  }
  openStoreInMemory(t, { assurance: 2, absoluteTimeout: HOUR, ttl: 60_000 })
})

onBothEngines(
  test,
  'a function may ask for less than a level allows, and gets no more',
  async (t, open) => {
    const life = ({ short }) => (short ? 60_000 : Infinity)
    const store = open({ assurance: 2, absoluteTimeout: life, ttl: life })
    const now = Date.now()
    await store.set('short', newSession({ short: true }))
    await store.set('long', newSession())
    isAbout(await expiryOf(store, 'short'), now + 60_000)
    isAbout(await expiryOf(store, 'long'), now + HOUR)
  },
)

onBothEngines(test, 'a function that answers no number is named', async (t, open) => {
  const bad = { absoluteTimeout: () => 'x', maxPerUser: () => 0 }
  for (const [name, option] of Object.entries(bad)) {
    const error = await failure(
      open({ userId, [name]: option }).set('sid', newSession({ user: 'a' })),
    )
    assert.equal(error.code, 'ERR_STORE_OPTION')
    assert.ok(error.message.includes(`'${name}'`))
  }
})

function openStoreInMemory(t, options) {
  return openStore(t, { uri: 'memory:', ...options })
}
