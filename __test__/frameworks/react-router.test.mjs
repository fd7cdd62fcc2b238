// React Router's createSessionStorage over the store.
import assert from 'node:assert/strict'
import test from 'node:test'
import { createSessionStorage, createStaticHandler } from 'react-router'
import { mongoSessionStorage } from '../../lib/adapters/react-router.cjs'
import { Browser, serve } from '../express-support.mjs'
import { Visitor } from '../parallel-support.mjs'
import { database, failure, openStore } from '../support.mjs'
import { testRules } from './rules.mjs'

const COOKIE = { name: 'session', secrets: ['some secret'], maxAge: 600, httpOnly: true }

function storageOf(store, cookie = COOKIE) {
  return mongoSessionStorage(createSessionStorage, { store, cookie })
}

async function visit(t, store) {
  const handlers = []
  const storage = storageOf(store)
  const { queryRoute } = createStaticHandler([
    { path: '/:number', action: ({ request, params }) => act(request, handlers[params.number]) },
  ])
  async function act(request, handler) {
    const session = await storage.getSession(request.headers.get('cookie'))
    let isDestroyed = false
    const accessor = {
      get: (key) => session.get(key),
      set: (key, value) => session.set(key, value),
      destroy: () => void (isDestroyed = true),
    }
    const body = (await handler({ session: accessor })) ?? null
    const end = isDestroyed ? storage.destroySession : storage.commitSession
    return Response.json(body, { headers: { 'set-cookie': await end(session) } })
  }
  const app = async (req, res) => {
    const url = new URL(req.url, 'http://localhost')
    const { method, headers } = req
    const response = await queryRoute(new Request(url, { method, headers }))
    res.writeHead(response.status, [...response.headers].flat())
    res.end(await response.text())
  }
  return new Visitor(new Browser(await serve(t, app)), store, handlers)
}

testRules(visit)

const headerOf = (setCookie) => setCookie.split(';')[0]

test('a session lives for as long as its cookie, or as commitSession says, or for the ttl of the store', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, ttl: 5_000_000 })
  const lifetimeOf = async (storage, options) => {
    const before = Date.now()
    const session = await storage.getSession()
    session.set('user', 'ada')
    await storage.commitSession(session, options)
    const { expires } = await sessions.findOneAndDelete({})
    return expires.getTime() - before
  }
  const isAbout = (ms, wanted) => ms >= wanted && ms < wanted + 60_000
  const { maxAge: _maxAge, ...cookie } = COOKIE
  assert.ok(isAbout(await lifetimeOf(storageOf(store)), 600_000))
  assert.ok(isAbout(await lifetimeOf(storageOf(store), { maxAge: 1_200 }), 1_200_000))
  const expires = new Date(Date.now() + 2_400_000)
  assert.ok(isAbout(await lifetimeOf(storageOf(store), { expires }), 2_390_000))
  assert.ok(isAbout(await lifetimeOf(storageOf(store, cookie)), 5_000_000))
})

test('a flash is read once, and the values keep their types', async (t) => {
  const { uri } = await database(t)
  const storage = storageOf(openStore(t, { uri }))
  const first = await storage.getSession()
  first.flash('notice', 'saved')
  first.set('at', new Date(5))
  const header = headerOf(await storage.commitSession(first))
  const second = await storage.getSession(header)
  assert.deepEqual([second.get('notice'), second.get('at')], ['saved', new Date(5)])
  await storage.commitSession(second)
  const third = await storage.getSession(header)
  assert.deepEqual([third.has('notice'), third.has('at')], [false, true])
})

test('an id that leads to no session is not used for the next one, whatever the cookie holds', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const { secrets: _secrets, ...unsigned } = COOKIE
  const storage = storageOf(store, unsigned)
  const gone = Buffer.from(JSON.stringify('planted')).toString('base64')
  for (const value of [gone, 'eyJhIjoxfQ==', '%%%', '']) {
    const session = await storage.getSession(`session=${value}`)
    assert.equal(session.id, '')
    session.set('user', 'ada')
    await storage.commitSession(session)
  }
  assert.equal((await store.ids()).includes('planted'), false)
})

test('a failure of the store is a failure of the call', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const storage = storageOf(store)
  const session = await storage.getSession()
  const header = headerOf(await storage.commitSession(session))
  await store.close()
  const calls = [
    () => storage.getSession(header),
    () => storage.commitSession(session),
    () => storage.destroySession(session),
  ]
  for (const call of calls) assert.equal((await failure(call())).code, 'ERR_STORE_CLOSED')
})
