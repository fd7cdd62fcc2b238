// Whose session it is: listing a user's sessions, and logging out everywhere.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onEveryApp } from './express-support.mjs'
import { barrier, save, visitorOf } from './parallel-support.mjs'
import {
  connected,
  database,
  failure,
  load,
  newSession,
  onBothEngines,
  openStore,
  until,
} from './support.mjs'

const userId = (session) => session.user
const sids = (entries) => entries.map(({ sid }) => sid)

onEveryApp('a user logs out everywhere but here', async (t, { open, visit }) => {
  const store = open({ userId })
  const routes = (app) => {
    app.post('/login', (req, res) => {
      req.session.user = 'ada'
      res.end()
    })
    app.get('/', (req, res) => res.send(req.session.user ?? 'nobody'))
    app.get('/devices', async (req, res) => {
      const entries = await store.sessionsOf(req.session.user)
      res.json(sids(entries))
    })
    app.post('/logout-others', async (req, res) => {
      const count = await store.destroyByUser(req.session.user, { except: req.sessionID })
      res.json(count)
    })
  }
  const here = await visit({ store }, routes)
  const there = here.clone()
  const bob = here.clone()
  await here.post('/login')
  await there.post('/login')
  await store.set('bob', newSession({ user: 'bob' }))
  assert.equal((await bob.get('/')).text, 'nobody')

  const devices = JSON.parse((await here.get('/devices')).text)
  assert.deepEqual(devices, [here.sid(), there.sid()].sort())
  assert.equal((await here.post('/logout-others')).text, '1')
  assert.equal((await here.get('/')).text, 'ada')
  assert.equal((await there.get('/')).text, 'nobody')
  assert.equal((await store.get('bob')).user, 'bob')
  assert.deepEqual(JSON.parse((await here.get('/devices')).text), [here.sid()])
})

onBothEngines(test, 'a late request cannot revive a session of that user', async (t, open) => {
  const store = open({ userId })
  const visitor = await visitorOf(t, store)
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    assert.equal(await store.destroyByUser('ada'), 1)
    req.session.late = true
  })
  assert.equal(await store.get(sid), null)
  await until(() => store.events.length > 0, 'the discard')
  assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
})

test('a late request in another process cannot either', async (t) => {
  const { uri, sessions } = await database(t)
  const [one, other] = [openStore(t, { uri, userId }), openStore(t, { uri, userId })]
  const visitor = await visitorOf(t, one)
  await visitor.login()
  await visitor.request(async (req) => {
    assert.equal(await other.destroyByUser('ada'), 1)
    req.session.late = true
    await save(req)
  })
  assert.equal(await sessions.countDocuments(), 0)
})

test('the user stands in an indexed field beside the session', async (t) => {
  const { uri, sessions } = await database(t)
  const store = await connected(openStore(t, { uri, userId }))
  await store.set('a', newSession({ user: 'ada' }))
  await store.set('b', newSession())
  assert.equal((await sessions.findOne({ _id: 'a' })).userId, 'ada')
  assert.deepEqual(Object.keys(await sessions.findOne({ _id: 'b' })), ['_id', 'expires', 'session'])
  const index = await until(async () => {
    const indexes = await sessions.indexes()
    return indexes.find(({ name }) => name === 'userId_1')
  }, 'the index')
  assert.deepEqual(index.key, { userId: 1 })
  assert.equal(index.sparse, true)
  // An index is listed before it has been built.
  await until(async () => {
    const plan = await sessions.find({ userId: 'ada' }).explain('queryPlanner')
    return JSON.stringify(plan.queryPlanner.winningPlan).includes('userId_1')
  }, 'a plan with the index')
})

test('the index is created without a TTL index, too', async (t) => {
  const { uri, sessions } = await database(t)
  openStore(t, { uri, userId, autoRemove: 'disabled' })
  const names = async () => (await sessions.indexes().catch(() => [])).map(({ name }) => name)
  await until(async () => (await names()).includes('userId_1'), 'the index')
  assert.deepEqual((await names()).sort(), ['_id_', 'userId_1'])
})

test('a refused index is a warning, and users are found without it', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.createIndex({ userId: 1 }, { name: 'userId_1', unique: true, sparse: true })
  await sessions.dropIndex('userId_1')
  await sessions.createIndex({ other: 1 }, { name: 'userId_1' })
  const store = openStore(t, { uri, userId })
  await until(() => store.events.length > 0, 'the warning')
  const [{ name, value }] = store.events
  assert.equal(name, 'warning')
  assert.equal(value.code, 'ERR_STORE_INDEX')
  assert.match(value.message, /userId_1/)
  await store.set('a', newSession({ user: 'ada' }))
  assert.deepEqual(sids(await store.sessionsOf('ada')), ['a'])
})

test('without the option nothing is stored and nothing is created', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await store.set('a', newSession({ user: 'ada' }))
  const hasIndex = async () => (await sessions.indexes()).length === 2
  await until(hasIndex, 'the TTL index')
  assert.deepEqual(Object.keys(await sessions.findOne()), ['_id', 'expires', 'session'])
  for (const call of [store.sessionsOf('ada'), store.destroyByUser('ada')]) {
    const error = await failure(call)
    assert.ok(error instanceof TypeError)
    assert.match(error.message, /'userId'/)
  }
  assert.equal(await store.length(), 1)
})

onBothEngines(test, 'a session is that of the user who was saved last', async (t, open) => {
  const store = open({ userId })
  await store.set('sid', newSession())
  const session = await load(store, 'sid')
  for (const user of ['ada', 'bob', undefined, 'eve']) {
    session.user = user
    await store.set('sid', session)
    for (const one of ['ada', 'bob', 'eve']) {
      const expected = one === user ? ['sid'] : []
      assert.deepEqual(sids(await store.sessionsOf(one)), expected, `${one} of ${user}`)
    }
  }
  await store.set('sid', newSession({ user: 'ada' }))
  assert.deepEqual(sids(await store.sessionsOf('ada')), ['sid'])
  await store.set('sid', newSession())
  assert.deepEqual(await store.sessionsOf('ada'), [])
})

for (const save of ['difference', 'replace']) {
  onBothEngines(test, `a touch keeps the user, with save: '${save}'`, async (t, open) => {
    const store = open({ userId, save })
    await store.set('sid', newSession({ user: 'ada', 'a.b': 1 }))
    await store.touch('sid', newSession())
    assert.deepEqual(sids(await store.sessionsOf('ada')), ['sid'])
    // Keys like this one are changed in another way.
    const session = await load(store, 'sid')
    session['a.b'] = 2
    session.user = 'bob'
    await store.set('sid', session)
    assert.deepEqual(sids(await store.sessionsOf('bob')), ['sid'])
    session['a.b'] = 3
    delete session.user
    await store.set('sid', session)
    assert.deepEqual(await store.sessionsOf('bob'), [])
    assert.equal((await store.get('sid'))['a.b'], 3)
  })
}

onBothEngines(test, 'a parallel request does not undo who has logged in', async (t, open) => {
  const store = open({ userId })
  const visitor = await visitorOf(t, store)
  await visitor.login({ cart: 1 })
  await visitor.inTurn(
    (session) => {
      session.user = 'ada'
    },
    (session) => {
      session.cart = 2
    },
  )
  assert.deepEqual(await visitor.data(), { cart: 2, user: 'ada' })
  assert.deepEqual(sids(await store.sessionsOf('ada')), [visitor.sid])
  await visitor.inTurn(
    (session) => {
      delete session.user
    },
    (session) => {
      session.cart = 3
    },
  )
  assert.deepEqual(await store.sessionsOf('ada'), [])
})

test('a session from before the option counts from its next save on', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri }).set('sid', newSession({ user: 'ada' }))
  const store = openStore(t, { uri, userId })
  assert.deepEqual(await store.sessionsOf('ada'), [])
  const session = await load(store, 'sid')
  session.views = 1
  await store.set('sid', session)
  assert.deepEqual(sids(await store.sessionsOf('ada')), ['sid'])
})

onBothEngines(test, 'an entry has the session as get answers it', async (t, open) => {
  const store = open({ userId, prefix: 'app:' })
  const at = new Date(0)
  await store.set('sid', newSession({ user: 'ada', at }, 60_000))
  const [entry, ...others] = await store.sessionsOf('ada')
  assert.deepEqual(others, [])
  assert.deepEqual(entry.session, await store.get('sid'))
  assert.equal(entry.sid, 'sid')
  assert.deepEqual(entry.expires, entry.session.cookie.expires)
  await store.set('copy', entry.session)
  assert.deepEqual((await store.get('copy')).at, at)
})

onBothEngines(test, 'only live sessions are listed, and all are destroyed', async (t, open) => {
  const store = open({ userId })
  await store.set('live', newSession({ user: 'ada' }))
  await store.set('expired', newSession({ user: 'ada' }, -1000))
  await store.set('flagged', newSession({ user: 'ada' }))
  await store.flagDeletion('flagged')
  assert.deepEqual(sids(await store.sessionsOf('ada')), ['live'])
  assert.equal(await store.destroyByUser('ada'), 2)
  assert.deepEqual(await store.sessionsOf('ada'), [])
  assert.equal(await store.cleanup(), 1)
})

test('sessions of another prefix are another application', async (t) => {
  const { uri, sessions } = await database(t)
  const one = openStore(t, { uri, userId, prefix: 'one:' })
  const two = openStore(t, { uri, userId, prefix: 'two:' })
  for (const store of [one, two]) await store.set('sid', newSession({ user: 'ada' }))
  await one.set('here', newSession({ user: 'ada' }))
  assert.deepEqual(sids(await one.sessionsOf('ada')), ['here', 'sid'])
  assert.equal(await one.destroyByUser('ada', { except: 'here' }), 1)
  const left = await sessions.find({}, { projection: { _id: 1 } }).toArray()
  assert.deepEqual(left.map(({ _id }) => _id).sort(), ['one:here', 'two:sid'])
})

onBothEngines(test, 'the session to keep is found with hashed ids, too', async (t, open) => {
  const store = open({ userId, hashIds: true, prefix: 'app:' })
  for (const sid of ['a', 'b', 'c']) await store.set(sid, newSession({ user: 'ada' }))
  assert.equal(await store.destroyByUser('ada', { except: 'b' }), 2)
  assert.equal((await store.get('b')).user, 'ada')
  assert.equal(await store.length(), 1)
})

onBothEngines(test, 'with delete flags the sessions of a user are flagged', async (t, open) => {
  const store = open({ userId, deleteFlags: true })
  for (const sid of ['a', 'b']) await store.set(sid, newSession({ user: 'ada' }))
  assert.equal(await store.destroyByUser('ada', { except: 'a' }), 1)
  assert.equal(await store.destroyByUser('ada', { except: 'a' }), 0)
  assert.equal(await store.get('b'), null)
  await store.set('b', newSession({ user: 'ada' }))
  assert.equal(await store.get('b'), null)
  assert.equal(await store.cleanup(), 1)
})

onBothEngines(
  test,
  'encrypted sessions have a user in the clear',
  async (t, open, { sessions }) => {
    const store = open({ userId, encryption: { keys: [Buffer.alloc(32, 7)] } })
    await store.set('sid', newSession({ user: 'ada' }))
    const [{ session }] = await store.sessionsOf('ada')
    assert.equal(session.user, 'ada')
    if (sessions) assert.equal((await sessions.findOne()).userId, 'ada')
    assert.equal(await store.destroyByUser('ada'), 1)
  },
)

onBothEngines(test, 'a log-in that is under way is destroyed, too', async (t, open) => {
  const store = open({ userId })
  const logins = ['a', 'b', 'c'].map((sid) => store.set(sid, newSession({ user: 'ada' })))
  const destroyed = store.destroyByUser('ada')
  const later = store.set('d', newSession({ user: 'ada' }))
  await Promise.all([...logins, later])
  assert.equal(await destroyed, 3)
  assert.deepEqual(sids(await store.sessionsOf('ada')), ['d'])
})

onBothEngines(test, 'callbacks are served as promises are', async (t, open) => {
  const store = open({ userId })
  await store.set('a', newSession({ user: 'ada' }))
  await store.set('b', newSession({ user: 'ada' }))
  const called = (method, ...args) =>
    new Promise((resolve) => {
      const returned = store[method](...args, (...answer) => resolve(answer))
      assert.equal(returned, undefined)
    })
  const [, entries] = await called('sessionsOf', 'ada')
  assert.deepEqual(sids(entries), ['a', 'b'])
  assert.deepEqual(await called('destroyByUser', 'ada', { except: 'a' }), [null, 1])
  assert.deepEqual(await called('destroyByUser', 'ada'), [null, 1])
  assert.deepEqual(await called('sessionsOf', 'ada'), [null, []])
  const [error] = await called('sessionsOf', true)
  assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
})

onBothEngines(
  test,
  'many log-ins and a log-out at once leave no session behind',
  async (t, open) => {
    const store = open({ userId })
    const meet = barrier(20)
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        await meet()
        if (n % 4 === 3) return store.destroyByUser('ada')
        return store.set(`sid${n}`, newSession({ user: 'ada' }))
      }),
    )
    await store.destroyByUser('ada')
    assert.equal(await store.length(), 0)
  },
)

test('what another program keeps for a user is left alone', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  await sessions.insertOne({ _id: 'cart', userId: 'ada', items: [1] })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal(await store.destroyByUser('ada'), 1)
  assert.ok(await sessions.findOne({ _id: 'cart' }))
})

test('a whole session that is saved says whose it is each time', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, stringify: true })
  await store.set('sid', newSession({ user: 'ada' }))
  const [out, still] = await Promise.all([load(store, 'sid'), load(store, 'sid')])
  delete out.user
  await store.set('sid', out)
  assert.equal((await sessions.findOne()).userId, undefined)
  still.views = 1
  await store.set('sid', still)
  assert.equal((await store.get('sid')).user, 'ada')
  assert.equal((await sessions.findOne()).userId, 'ada')
})
