// The option device: users see where they are logged in, and end it, by names that are no credentials.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import { KEY } from './encryption-support.mjs'
import { nextMillisecond, onEveryApp } from './express-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { database, failure, load, newSession, onBothEngines, openStore } from './support.mjs' // prettier-ignore

const userId = (session) => session.user
const device = (session) => session.device
const HANDLE = /^[\w-]{22}$/

async function handleOf(store, user, name) {
  const devices = await store.devices(user)
  return devices.find(({ device }) => device === null || device.name === name).handle
}

onEveryApp('a user sees where they are logged in, and ends it', async (t, { open, visit }) => {
  const store = open({ userId, device })
  const routes = (app) => {
    app.post('/login/:user/:name', (req, res) => {
      const { user, name } = req.params
      Object.assign(req.session, { user, device: { name } })
      res.end()
    })
    app.get('/', (req, res) => res.send(req.session.user ?? 'nobody'))
    app.get('/devices', async (req, res) => {
      res.json(await store.devices(req.session.user, { current: req.sessionID }))
    })
    app.post('/revoke/:handle', async (req, res) => {
      res.json(await store.revoke(req.session.user, req.params.handle))
    })
    app.post('/others', async (req, res) => {
      res.json(await store.revokeOthers(req.session.user, req.sessionID))
    })
  }
  const here = await visit({ store }, routes)
  const [there, third, bob] = [here.clone(), here.clone(), here.clone()]
  await bob.post('/login/bob/bobs')
  await third.post('/login/ada/third')
  await nextMillisecond()
  await there.post('/login/ada/there')
  await nextMillisecond()
  await here.post('/login/ada/here')

  const { text } = await here.get('/devices')
  const devices = JSON.parse(text)
  assert.deepEqual(
    devices.map(({ device: { name }, current }) => [name, current]),
    [['here', true], ['there', false], ['third', false]], // prettier-ignore
  )
  for (const one of devices) {
    assert.deepEqual(Object.keys(one), ['handle', 'createdAt', 'lastSeenAt', 'expires', 'device', 'current']) // prettier-ignore
    assert.match(one.handle, HANDLE)
    assert.ok(new Date(one.createdAt) <= new Date(one.lastSeenAt))
    assert.ok(new Date(one.expires) > new Date())
  }
  for (const browser of [here, there, third, bob]) assert.ok(!text.includes(browser.sid()))

  const [, { handle }] = devices
  assert.equal((await bob.post(`/revoke/${handle}`)).text, '0')
  assert.equal((await there.get('/')).text, 'ada')
  assert.equal((await here.post(`/revoke/${handle}`)).text, '1')
  assert.equal((await there.get('/')).text, 'nobody')
  assert.equal((await here.post(`/revoke/${handle}`)).text, '0')
  assert.equal((await here.post('/others')).text, '1')
  assert.equal((await third.get('/')).text, 'nobody')
  assert.deepEqual([(await here.get('/')).text, (await bob.get('/')).text], ['ada', 'bob'])
})

const WAYS = {
  hashIds: { hashIds: true },
  'hashIds and transformId': { hashIds: true, transformId: (sid) => `t-${sid}` },
  'a prefix': { prefix: 'app:' },
  encryption: { encryption: { keys: [KEY] }, hashIds: true },
  stringify: { stringify: true },
  "save: 'replace'": { save: 'replace' },
  maxPerUser: { maxPerUser: 5 },
  deleteFlags: { deleteFlags: true },
  fields: { fields: { id: 'sid', session: 'data', expires: 'until' } },
  serialize: {
    serialize: (data) => ({ ...data, x: 1 }),
    unserialize: ({ x: _x, ...data }) => data,
  },
}

for (const [name, options] of Object.entries(WAYS)) {
  onBothEngines(test, `handles last as long as their sessions, with ${name}`, async (t, open) => {
    const store = open({ ...options, userId, device })
    await store.set('here', newSession({ user: 'ada', device: { name: 'here' } }))
    await store.set('there', newSession({ user: 'ada', device: { name: 'there' } }))
    await store.set('bob', newSession({ user: 'bob', device: { name: 'bobs' } }))
    const before = await handleOf(store, 'ada', 'here')
    assert.match(before, HANDLE)
    const session = await load(store, 'here')
    session.views = 1
    await store.set('here', session)
    await store.touch('here', session)
    // A plain object is another session, in the same document.
    await store.set('here', newSession({ user: 'ada', device: { name: 'here' } }))
    assert.equal(await handleOf(store, 'ada', 'here'), before)
    const current = (await store.devices('ada', { current: 'here' })).filter((one) => one.current)
    assert.deepEqual(current.map((one) => one.device), [{ name: 'here' }]) // prettier-ignore
    assert.equal(await store.revoke('bob', before), 0)
    assert.equal(await store.revoke('ada', before), 1)
    assert.equal(await store.get('here'), null)
    session.late = true
    await store.set('here', session)
    assert.equal(await store.get('here'), null)
    assert.equal((await store.get('there')).user, 'ada')
    assert.equal(await store.revokeOthers('ada', 'there'), 0)
    assert.equal((await store.get('bob')).user, 'bob')
  })
}

onBothEngines(
  test,
  'a session that was nobody’s has a handle from its log-in on',
  async (t, open) => {
    const store = open({ userId, device: true })
    const visitor = await visitorOf(t, store)
    const sid = await visitor.login({ cart: 1 })
    await visitor.request(({ session }) => {
      session.user = 'ada'
    })
    const [first] = await store.devices('ada', { current: sid })
    assert.match(first.handle, HANDLE)
    assert.equal(first.device, null)
    assert.equal(first.current, true)
    await visitor.request(({ session }) => {
      session.cart = 2
    })
    assert.equal((await store.devices('ada'))[0].handle, first.handle)
  },
)

test('two parallel log-ins agree on the handle', async (t) => {
  const { uri, sessions } = await database(t)
  const [one, other] = [
    openStore(t, { uri, userId, device }),
    openStore(t, { uri, userId, device }),
  ]
  await one.set('sid', newSession())
  const loaded = await Promise.all([load(one), load(other)])
  for (const session of loaded) session.user = 'ada'
  await Promise.all([one.set('sid', loaded[0]), other.set('sid', loaded[1])])
  const { handle } = await sessions.findOne()
  loaded[0].views = 1
  await one.set('sid', loaded[0])
  assert.equal((await sessions.findOne()).handle, handle)
})

test('the document holds handle and moments, and nothing of the device', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, device: () => ({ secret: 1 }), touchAfter: 10_000 })
  await store.set('sid', newSession({ user: 'ada' }))
  const stored = await sessions.findOne()
  assert.deepEqual(Object.keys(stored).sort(), [
    '_id',
    'createdAt',
    'expires',
    'handle',
    'lastSeenAt',
    'session',
    'userId',
  ])
  const session = await load(store)
  await store.touch('sid', session)
  assert.deepEqual(await sessions.findOne(), stored, 'a touch that is not worth it')
  await store.touch('sid', newSession({}, 3_600_000))
  assert.ok((await sessions.findOne()).lastSeenAt > stored.lastSeenAt)
})

test('without the option nothing is stored', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, device: false })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.deepEqual(Object.keys(await sessions.findOne()).sort(), ['_id', 'expires', 'session', 'userId']) // prettier-ignore
  for (const call of [() => store.devices('ada'), () => store.revoke('ada', 'x')]) {
    const error = await failure(call())
    assert.equal(error.code, 'ERR_STORE_OPTION')
    assert.match(error.message, /'device'/)
  }
})

test('a session from before the option is listed, and named by its next save', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri, userId }).set('sid', newSession({ user: 'ada' }))
  const store = openStore(t, { uri, userId, device: true })
  const [{ handle, createdAt, lastSeenAt }] = await store.devices('ada')
  assert.deepEqual([handle, createdAt, lastSeenAt], [null, null, null])
  const session = await load(store)
  session.views = 1
  await store.set('sid', session)
  assert.match((await store.devices('ada'))[0].handle, HANDLE)
})

onBothEngines(test, 'callbacks get what promises do', async (t, open) => {
  const store = open({ userId, device: true })
  await store.set('a', newSession({ user: 'ada' }))
  await store.set('b', newSession({ user: 'ada' }))
  const call = (method, ...args) =>
    new Promise((resolve, reject) =>
      store[method](...args, (error, value) => (error ? reject(error) : resolve(value))),
    )
  assert.equal((await call('devices', 'ada')).length, 2)
  const [{ handle }] = await call('devices', 'ada', { current: 'a' })
  assert.equal(await call('revoke', 'ada', handle), 1)
  assert.equal(await call('revokeOthers', 'ada', 'c'), 1)
})

onBothEngines(test, 'what cannot be meant is refused by name', async (t, open) => {
  const store = open({ userId, device: () => 5 })
  await store.set('sid', newSession({ user: 'ada' }))
  const refused = {
    "'device'": [() => store.devices('ada')],
    user: [
      () => store.devices(''),
      () => store.revoke({}, 'x'),
      () => store.revokeOthers(null, 'x'),
    ],
    handle: [() => store.revoke('ada', { $ne: '' }), () => store.revoke('ada'), () => store.revoke('ada', '')], // prettier-ignore
    'session id': [() => store.revokeOthers('ada'), () => store.revokeOthers('ada', { $ne: '' })],
    "'current'": [() => store.devices('ada', { current: 5 })],
    "'sid'": [() => store.devices('ada', { sid: 'x' })],
  }
  for (const [name, calls] of Object.entries(refused)) {
    for (const call of calls) {
      const error = await failure(call())
      assert.ok(error instanceof TypeError, name)
      assert.ok(error.message.includes(name), error.message)
    }
  }
  assert.equal(await store.length(), 1)
  await store.close()
  for (const call of [
    store.devices('ada'),
    store.revoke('ada', 'x'),
    store.revokeOthers('ada', 'x'),
  ]) {
    assert.equal((await failure(call)).code, 'ERR_STORE_CLOSED')
  }
})

test('the option needs userId', () => {
  const open = () => new MongoSessionStore({ uri: 'memory:', device: true })
  assert.throws(open, /'device' needs the option 'userId'/)
})

test('what the function throws is passed on, and what it promises is refused', async (t) => {
  const answers = [
    () => {
      throw new RangeError('mine')
    },
    async () => ({}),
  ]
  const store = openStore(t, { uri: 'memory:', userId, device: () => answers[0]() })
  await store.set('sid', newSession({ user: 'ada' }))
  assert.equal((await failure(store.devices('ada'))).message, 'mine')
  answers.shift()
  assert.equal((await failure(store.devices('ada'))).code, 'ERR_STORE_OPTION')
})

test('sessions that move in have handles, too', async (t) => {
  const { uri } = await database(t)
  const previousStore = openStore(t, { uri, collection: 'before' })
  await previousStore.set('sid', newSession({ user: 'ada' }))
  const store = openStore(t, { uri, userId, device: true, previousStore })
  assert.equal((await store.get('sid')).user, 'ada')
  assert.match((await store.devices('ada'))[0].handle, HANDLE)
})
