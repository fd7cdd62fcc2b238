// The option `previousStore`: sessions of another store move in as they are asked for.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import test from 'node:test'
import { promisify } from 'node:util'
import session from 'express-session'
import Store from 'mongodb-session-store/express-session-mongodb'
import { Visitor, serveLogin } from './login-app.mjs'
import { COOKIES, FORMS, openPeer } from './old-driver.mjs'
import { database, load, newSession, onBothEngines, openStore, until, watched } from './support.mjs'

/** An app that ran with express-session-mongodb, and the store that takes over from it. */
async function takeover(t, peerOptions, options) {
  const { uri, db, sessions } = await database(t)
  const peer = await openPeer(db, peerOptions)
  const previousStore = watched(t, new Store(db, null, peerOptions))
  const store = openStore(t, { uri, previousStore, ...options })
  return { db, peer, previousStore, store, sessions, old: db.collection('Sessions') }
}

for (const [form, options] of Object.entries(FORMS)) {
  for (const [kind, cookie] of Object.entries(COOKIES)) {
    test(`a user of express-session-mongodb stays logged in, ${form}, ${kind}`, async (t) => {
      const { peer, previousStore, store, sessions, old } = await takeover(t, options)
      const data = options.Filter ? { 'cart-total.$': { 'in.cents': 5 } } : { cart: { cents: 5 } }
      const visitor = new Visitor()
      await visitor.login(await serveLogin(t, peer, { cookie, data }), 'ada')

      const ours = await serveLogin(t, store, { cookie, data })
      assert.deepEqual(await visitor.visit(ours), { ...data, user: 'ada', visits: 1 })
      const { _id, expires, session, ...others } = await sessions.findOne()
      assert.deepEqual(others, {})
      assert.equal(_id, visitor.sid)
      assert.ok(expires > Date.now())
      const { cookie: stored, ...moved } = session
      assert.deepEqual(moved, { ...data, user: 'ada', visits: 1 })
      assert.equal(stored._expires === null, cookie.maxAge === undefined)
      assert.equal(await old.countDocuments(), 0)

      assert.deepEqual(await visitor.visit(ours), { ...data, user: 'ada', visits: 2 })
      await visitor.logout(ours)
      assert.equal(await visitor.visit(ours), null)
      assert.equal(await sessions.countDocuments(), 0)
      assert.deepEqual([...store.events, ...previousStore.events], [])
    })
  }
}

test('who logs out with the first request is logged out in both stores', async (t) => {
  const { peer, store, sessions, old } = await takeover(t)
  const theirs = await serveLogin(t, peer)
  const visitor = new Visitor()
  await visitor.login(theirs, 'ada')
  const ours = await serveLogin(t, store)
  await visitor.logout(ours)
  assert.equal(await visitor.visit(ours), null)
  assert.equal(await visitor.visit(theirs), null)
  assert.equal((await old.countDocuments()) + (await sessions.countDocuments()), 0)
})

test('a session that expired or was flagged does not come back', async (t) => {
  const options = { TimeToLive: 60, DeleteFlag: true }
  const { peer, store, sessions, old } = await takeover(t, options)
  const save = promisify(peer.set).bind(peer)
  for (const sid of ['live', 'idle', 'flagged']) await save(sid, newSession({ user: 'ada' }))
  await old.updateOne({ SessionID: 'idle' }, { $set: { LastAccessed: new Date(0) } })
  await promisify(peer.FlagDeletion).call(peer, 'flagged')
  assert.equal(await store.get('idle'), null)
  assert.equal(await store.get('flagged'), null)
  assert.equal(await sessions.countDocuments(), 0)
  assert.equal((await store.get('live')).user, 'ada')
  assert.deepEqual(await old.distinct('SessionID', { Delete: true }), ['flagged', 'live'])
})

test('a session of a store without expiry ends with its cookie', async (t) => {
  const { peer, store, old } = await takeover(t)
  await promisify(peer.set).call(peer, 'sid', newSession({ user: 'ada' }, -1000))
  assert.equal(await store.get('sid'), null)
  assert.equal(await old.countDocuments(), 0)
})

test('two processes whose first requests run in parallel keep the changes of both', async (t) => {
  const { db, peer, store: one } = await takeover(t)
  const other = openStore(t, { client: db, previousStore: watched(t, new Store(db, null)) })
  for (let round = 0; round < 20; round++) {
    const sid = `sid${round}`
    await promisify(peer.set).call(peer, sid, newSession({ user: 'ada' }))
    const change = async (store, key) => {
      const session = await load(store, sid)
      session[key] = true
      await store.set(sid, session)
    }
    await Promise.all([change(one, 'a'), change(other, 'b')])
    const { cookie: _cookie, ...data } = await one.get(sid)
    assert.deepEqual(data, { user: 'ada', a: true, b: true })
  }
})

/** A store of express-session with a session in it, that counts how often it is asked. */
class Previous extends session.MemoryStore {
  calls = []

  constructor(data = { user: 'ada' }) {
    super()
    this.fill(data)
  }

  fill(data) {
    const cookie = new session.Cookie({ maxAge: 60_000 })
    this.sessions.sid = JSON.stringify({ cookie, ...data })
  }

  get(...args) {
    this.calls.push('get')
    return super.get(...args)
  }

  destroy(...args) {
    this.calls.push('destroy')
    return super.destroy(...args)
  }

  get sids() {
    return Object.keys(this.sessions)
  }
}

const withoutCookie = ({ cookie: _cookie, ...data }) => data

onBothEngines(test, 'a session moves once, and then lives as any other', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  const read = await store.get('sid')
  assert.deepEqual(withoutCookie(read), { user: 'ada' })
  assert.ok(read.cookie.expires instanceof Date)
  assert.deepEqual(previousStore.sids, [])
  const { length } = previousStore.calls

  const first = await load(store)
  const second = await load(store)
  first.a = 1
  await store.set('sid', first)
  second.b = 2
  await store.set('sid', second)
  assert.deepEqual(withoutCookie(await store.get('sid')), { user: 'ada', a: 1, b: 2 })
  await store.touch('sid', first)
  assert.equal(previousStore.calls.length, length, 'the previous store is not asked again')

  await store.destroy('sid')
  first.a = 3
  await store.set('sid', first)
  assert.deepEqual(store.events, [{ name: 'discard', value: 'sid' }])
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'the very session that was moved is saved as a difference', async (t, open) => {
  const store = open({ previousStore: new Previous({ user: 'ada', n: 1 }) })
  const session = await load(store)
  await store.set('sid', newSession({ user: 'ada', n: 2 }))
  session.a = 1
  await store.set('sid', session)
  assert.deepEqual(withoutCookie(await store.get('sid')), { user: 'ada', n: 2, a: 1 })
  await store.destroy('sid')
  await store.set('sid', session)
  assert.equal(store.events[0].name, 'discard')
})

onBothEngines(test, 'new sessions and lists are none of its business', async (t, open) => {
  const previousStore = new Previous()
  const store = open({ previousStore })
  await store.set('new', newSession())
  await store.touch('new', newSession())
  assert.notEqual(await store.get('new'), null)
  assert.deepEqual(await store.ids(), ['new'])
  assert.equal(await store.length(), 1)
  assert.equal((await store.all()).length, 1)
  await store.clear()
  assert.deepEqual(previousStore.calls, [])
  assert.deepEqual(previousStore.sids, ['sid'])
  assert.equal(await store.get('none'), null)
})

onBothEngines(test, 'destroy ends a session that has not moved', async (t, open) => {
  for (const deleteFlags of [false, true]) {
    const previousStore = new Previous()
    const store = open({ previousStore, deleteFlags, prefix: `${deleteFlags}:` })
    await store.destroy('sid')
    assert.deepEqual(previousStore.sids, [])
    assert.equal(await store.get('sid'), null)
    await new Promise((resolve, reject) => {
      previousStore.fill({ user: 'bob' })
      const done = (error) => (error ? reject(error) : resolve())
      store.destroy('sid', done)
    })
    assert.deepEqual(previousStore.sids, [])
  }
})

onBothEngines(test, 'what is called later takes effect later', async (t, open) => {
  const store = open({ previousStore: new Previous() })
  const calls = [store.destroy('sid'), store.set('sid', newSession({ n: 1 })), store.get('sid')]
  assert.equal((await Promise.all(calls))[2].n, 1)
})

onBothEngines(test, 'a callback runs in the context of its caller', async (t, open) => {
  const store = open({ previousStore: new Previous() })
  const context = new AsyncLocalStorage()
  const [caller, error, session] = await new Promise((resolve) => {
    const answer = (...args) => resolve([context.getStore(), ...args])
    context.run('caller', () => assert.equal(store.get('sid', answer), undefined))
  })
  assert.equal(caller, 'caller')
  assert.equal(error, null)
  assert.equal(session.user, 'ada')
})

onBothEngines(test, 'a move is a create and a set for those who listen', async (t, open) => {
  const store = open({ previousStore: new Previous() })
  const heard = []
  for (const name of ['create', 'update', 'set', 'destroy', 'get']) {
    store.on(name, (sid, session) => heard.push([name, sid, session?.user]))
  }
  await store.get('sid')
  await store.get('sid')
  await store.get('none')
  await store.ping()
  assert.deepEqual(heard, [
    ['create', 'sid', undefined],
    ['set', 'sid', 'ada'],
    ['get', 'sid', 'ada'],
    ['get', 'sid', 'ada'],
    ['get', 'none', undefined],
  ])
})

test('closing waits for moves, and leaves the previous store open', async (t) => {
  const { peer, previousStore, store, sessions } = await takeover(t)
  await promisify(peer.set).call(peer, 'sid', newSession({ user: 'ada' }))
  const get = store.get('sid')
  const destroy = store.destroy('none')
  await store.close()
  assert.equal((await get).user, 'ada')
  await destroy
  assert.equal(await sessions.countDocuments(), 1)
  await previousStore.ping()
  await until(() => previousStore.connected, 'the previous store')
})
