// The stores for frameworks that have no express-session in them, called as these call them. The frameworks themselves
// are tried by `npm run test:frameworks`.
import assert from 'node:assert/strict'
import test from 'node:test'
import { promisify } from 'node:util'
import { secondaryStorage } from 'mongodb-session-store/better-auth'
import { openidStore } from 'mongodb-session-store/express-openid-connect'
import { koaSessionStore } from 'mongodb-session-store/koa-session'
import { fastifySessionStore } from 'mongodb-session-store/mgcrea-fastify-session'
import { mongoSessionStorage } from 'mongodb-session-store/react-router'
import { FRAMEWORKS, LIFETIME_S, createSessionStorage } from './framework-requests.mjs'
import { failure, onBothEngines } from './support.mjs'

for (const [name, begin] of Object.entries(FRAMEWORKS)) {
  const each = (title, body) =>
    onBothEngines(test, `${name}: ${title}`, (t, open, about) => {
      const store = open()
      return body({ store, request: begin(store), ...about })
    })

  each('what a request has saved, the next one reads, for as long as was said', async (world) => {
    const { store, request, sessions } = world
    const before = Date.now()
    const login = await request('sid')
    Object.assign(login.data, { user: 'ada', at: new Date(5), list: [{ a: 1 }] })
    await login.save()
    const { data } = await request('sid')
    assert.deepEqual([data.user, data.at, data.list], ['ada', new Date(5), [{ a: 1 }]])
    const [{ expires }] = await store.entries()
    // Whole seconds, and what the clock has moved.
    assert.ok(expires.getTime() >= before + (LIFETIME_S - 1) * 1000)
    assert.ok(expires.getTime() <= Date.now() + LIFETIME_S * 1000)
    await sessions?.updateOne({}, { $set: { expires: new Date(0) } })
    if (sessions) assert.equal((await request('sid')).data.user, undefined)
  })

  each('two requests that change different keys do not undo each other', async (world) => {
    const { store, request } = world
    const login = await request('sid')
    Object.assign(login.data, { user: 'ada', cart: 'empty', hint: 'new' })
    await login.save()
    const [one, other, looker] = [await request('sid'), await request('sid'), await request('sid')]
    one.data.cart = 'full'
    delete one.data.hint
    other.data.theme = 'dark'
    await Promise.all([one.save(), other.save()])
    // One that has changed nothing has not read the changes of the others.
    await looker.save()
    // And one that goes on, in the same request.
    one.data.cart = 'paid'
    await one.save()
    const { data } = await request('sid')
    assert.equal('hint' in data, false)
    assert.deepEqual([data.user, data.cart, data.theme], ['ada', 'paid', 'dark'])
    assert.deepEqual(store.events, [])
  })

  each('a request that was under way does not bring back a destroyed session', async (world) => {
    const { store, request } = world
    const login = await request('sid')
    login.data.user = 'ada'
    await login.save()
    const [late, looker, logout] = [
      await request('sid'),
      await request('sid'),
      await request('sid'),
    ]
    late.data.cart = 'full'
    await logout.destroy()
    await late.save()
    await looker.save()
    assert.equal(await store.length(), 0)
    assert.deepEqual(
      store.events.map(({ name }) => name),
      ['discard', 'discard'],
    )
    // Nor does the one that has logged in.
    login.data.cart = 'full'
    await login.save()
    assert.equal(await store.length(), 0)
  })

  each('a failure of the store is the failure of its caller', async ({ store, request }) => {
    const login = await request('sid')
    login.data.user = 'ada'
    await login.save()
    const late = await request('sid')
    late.data.user = 'eve'
    await store.close()
    assert.equal((await failure(late.save())).code, 'ERR_STORE_CLOSED')
    assert.equal((await failure(request('sid'))).code, 'ERR_STORE_CLOSED')
  })
}

onBothEngines(test, 'koa-session without the context of a request is refused', async (t, open) => {
  const sessions = koaSessionStore(open())
  for (const call of [sessions.get('sid', 1), sessions.set('sid', {}, 1, { changed: true })]) {
    const error = await failure(call)
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    assert.match(error.message, /koa-session 6\.1/)
  }
})

onBothEngines(
  test,
  '@mgcrea/fastify-session: a touch never moves an expiry back',
  async (t, open) => {
    const store = open()
    const sessions = fastifySessionStore(store)
    const expiry = Date.now() + 300_000
    await sessions.set('sid', { user: 'ada' }, expiry)
    const [data, read] = await sessions.get('sid')
    assert.equal(read, expiry)
    await sessions.touch('sid', expiry + 60_000)
    // It was begun before.
    await sessions.set('sid', data, expiry)
    assert.equal((await sessions.get('sid'))[1], expiry + 60_000)
    await sessions.touch('nobody', expiry)
    assert.equal(await store.length(), 1)
    const error = await failure(sessions.set('sid', { cookie: 'a biscuit' }, expiry))
    assert.match(error.message, /no key 'cookie'/)
  },
)

onBothEngines(
  test,
  '@mgcrea/fastify-session: functions of the application are asked about the session',
  async (t, open) => {
    const asked = []
    const ttl = (session) => {
      asked.push(session.user)
      return 60_000
    }
    const sessions = fastifySessionStore(open({ ttl }))
    await sessions.set('sid', { user: 'ada' }, Date.now() + 300_000)
    await sessions.get('sid')
    await sessions.touch('sid', Date.now() + 300_000)
    // One that was not read just before.
    await sessions.touch('sid', Date.now() + 300_000)
    assert.deepEqual(asked, ['ada', 'ada', 'ada'])
  },
)

onBothEngines(
  test,
  'react-router: a new session gets an id that is not in the cookie',
  async (t, open) => {
    const store = open()
    const storage = mongoSessionStorage(createSessionStorage, { store })
    // What was destroyed, and what only an unsigned cookie can hold.
    for (const cookie of ['gone', { an: 'object' }, '\ud800']) {
      const session = await storage.getSession(cookie)
      assert.equal(session.id, '')
      session.data.user = 'ada'
      const sid = await storage.commitSession(session)
      assert.match(sid, /^[\w-]{32}$/)
      session.data.user = 'eve'
      assert.equal(await storage.commitSession(session), sid)
      assert.deepEqual(await store.ids(), [sid])
      await storage.destroySession(session)
      assert.deepEqual(await store.ids(), [])
    }
  },
)

onBothEngines(
  test,
  'express-openid-connect: an entry that has no data is stored again after it was destroyed',
  async (t, open) => {
    const store = open()
    const { get, set, destroy } = openidStore(store)
    const entry = { cookie: { expires: Date.now() + 60_000, maxAge: 60_000 } }
    for (let log = 0; log < 2; log++) {
      await promisify(set)('issuer|ada', entry)
      assert.ok(await promisify(get)('issuer|ada'))
      await promisify(destroy)('issuer|ada')
      assert.equal(await promisify(get)('issuer|ada'), null)
    }
  },
)

test('what is no store is refused', () => {
  const adapters = [
    secondaryStorage,
    openidStore,
    koaSessionStore,
    fastifySessionStore,
    (store) => mongoSessionStorage(createSessionStorage, { store }),
  ]
  for (const adapt of adapters) {
    for (const wrong of [undefined, null, {}, 'memory:', new Map()]) {
      assert.throws(() => adapt(wrong), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
  }
  assert.throws(() => mongoSessionStorage({}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => mongoSessionStorage(createSessionStorage), { code: 'ERR_INVALID_ARG_TYPE' })
})

/** By the entry, the options with which it would not keep its word. */
const EXCLUDED = {
  'better-auth': [
    secondaryStorage,
    [
      { deleteFlags: true },
      { touchOnGet: true },
      { absoluteTimeout: 60_000 },
      { absoluteTimeout: () => 60_000 },
      { assurance: 2 },
      { ttl: () => 60_000 },
    ],
  ],
  'express-openid-connect': [openidStore, [{ deleteFlags: true }]],
}

for (const [name, [adapt, excluded]] of Object.entries(EXCLUDED)) {
  onBothEngines(
    test,
    `${name}: a store with options that do not go with it is refused by their names`,
    (t, open) => {
      for (const options of excluded) {
        const [option] = Object.keys(options)
        assert.throws(() => adapt(open(options)), {
          name: 'TypeError',
          code: 'ERR_STORE_OPTION',
          message: new RegExp(`'${option}', (with|by) which `),
        })
      }
      adapt(open({ deleteFlags: false, touchOnGet: undefined, ttl: 60_000 }))
    },
  )
}

for (const name of ['koa-session', 'react-router']) {
  onBothEngines(
    test,
    `${name}: what the store would take for a cookie is refused`,
    async (t, open) => {
      const request = FRAMEWORKS[name](open())
      const login = await request('sid')
      login.data.cookie = { consent: true }
      const error = await failure(login.save())
      assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
      assert.match(error.message, /no object under the key 'cookie'/)
      login.data.cookie = 'a biscuit'
      await login.save()
      assert.equal((await request('sid')).data.cookie, 'a biscuit')
    },
  )
}
