// The option `previousStore`: what comes in between while a session moves, and moves that stop halfway.
import assert from 'node:assert/strict'
import test from 'node:test'
import { UNREACHABLE, openProxy, ownMongod } from './outage-support.mjs'
import { Previous } from './previous-store-support.mjs'
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

test('a session whose move was sent twice does not stay in the previous store', async (t) => {
  const mongod = await ownMongod(t)
  const proxy = await openProxy(t, mongod.port)
  const previousStore = new Previous()
  const store = openStore(t, { uri: proxy.uri, previousStore })
  await answers(store)
  proxy.cutReply('setOnInsert')
  await until(() => succeeds(store.get('sid')), 'the session')
  await until(() => proxy.cuts === 1, 'the reply that is lost')
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
