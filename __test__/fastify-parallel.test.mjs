// Parallel requests through @fastify/session, which saves every session at the end of every request
// unless `rolling` is false: nothing is undone, nothing comes back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import { fastifyVisitorOf } from './fastify-support.mjs'
import { newSession, onBothEngines, until } from './support.mjs'

function onFastifyApps(title, options, body) {
  onBothEngines(test, `${title} (@fastify/session)`, async (t, open) => {
    const store = open(options)
    await body(await fastifyVisitorOf(t, store), store)
  })
}

onFastifyApps('parallel requests all keep their changes', {}, async (visitor) => {
  await visitor.login()
  const keys = Array.from({ length: 20 }, (_, index) => `key${index}`)
  await visitor.atOnce(...keys.map((key) => (session) => void (session[key] = true)))
  const changes = Object.fromEntries(keys.map((key) => [key, true]))
  assert.deepEqual(await visitor.data(), { user: 'ada', ...changes })
})

onFastifyApps('a slow request that only reads undoes nothing', {}, async (visitor) => {
  await visitor.login({ stays: 1, goes: 1 })
  await visitor.request(async () => {
    await visitor.request(({ session }) => {
      session.stays = 2
      session.added = [{ id: 1 }]
      delete session.goes
    })
  })
  assert.deepEqual(await visitor.data(), { stays: 2, added: [{ id: 1 }] })
})

onFastifyApps('several saves in one request undo nothing in between', {}, async (visitor) => {
  await visitor.login({ mine: 0, theirs: 0 })
  await visitor.request(async ({ session }) => {
    for (let step = 1; step <= 3; step++) {
      session.mine = step
      await session.save()
      await visitor.request(({ session }) => void (session.theirs = session.mine * 10))
    }
    session.last = true
  })
  assert.deepEqual(await visitor.data(), { mine: 3, theirs: 30, last: true })
})

onFastifyApps('after a reload only what changed since is written', {}, async (visitor) => {
  await visitor.login({ a: 0, b: 0 })
  await visitor.request(async (req) => {
    req.session.a = 'dropped by the reload'
    await visitor.request(({ session }) => void Object.assign(session, { a: 1, b: 1 }))
    await req.session.reload()
    await visitor.request(({ session }) => void (session.a = 2))
    req.session.b = 2
  })
  assert.deepEqual(await visitor.data(), { a: 2, b: 2 })
})

onFastifyApps('a lifetime of its own does not make it forget the session', {}, async (visitor) => {
  await visitor.login({ a: 0 })
  await visitor.request(async ({ session }) => {
    session.options({ maxAge: 1_000_000 })
    await visitor.request(({ session }) => void (session.a = 1))
    session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 1, b: 1 })
})

/** How a session can end while another request holds it. */
const ENDS = {
  'another request destroys it': (visitor) => visitor.request(({ session }) => session.destroy()),
  'another request regenerates it': async (visitor) => {
    const { browser } = visitor
    // The slow request keeps the cookie that it came with.
    visitor.browser = browser.clone()
    await visitor.request(({ session }) => session.regenerate())
    visitor.browser = browser
  },
  'the store destroys it': (visitor, store) => store.destroy(visitor.sid),
}

for (const [how, end] of Object.entries(ENDS)) {
  for (const [what, change] of [
    ['a late save', (session) => void (session.late = true)],
    ['the save of a request that only reads', () => {}],
  ]) {
    onFastifyApps(`${what} creates nothing after ${how}`, {}, async (visitor, store) => {
      const sid = await visitor.login()
      await visitor.request(async ({ session }) => {
        await end(visitor, store)
        change(session)
      })
      assert.equal(await store.get(sid), null)
      await until(() => store.events.length > 0, 'the discard')
      assert.deepEqual(store.events, [{ name: 'discard', value: sid }])
    })
  }
}

onFastifyApps('a whole late save creates nothing', { save: 'replace' }, async (visitor, store) => {
  const sid = await visitor.login()
  await visitor.request(async ({ session }) => {
    await store.destroy(sid)
    session.late = true
  })
  assert.equal(await store.get(sid), null)
})

onFastifyApps('a reload brings no session back that is gone', {}, async (visitor, store) => {
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    await store.destroy(sid)
    await req.session.reload()
    assert.equal(req.session.user, undefined)
    req.session.late = true
  })
  assert.equal(await store.get(sid), null)
})

onFastifyApps('a session that has gone can be regenerated', {}, async (visitor, store) => {
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    await store.destroy(sid)
    await req.session.regenerate()
    req.session.user = 'bob'
  })
  assert.notEqual(visitor.sid, sid)
  assert.deepEqual(await visitor.data(), { user: 'bob' })
  assert.deepEqual(store.events, [])
})

onFastifyApps('a session of another store is created', {}, async (visitor, store) => {
  const other = new MongoSessionStore({ uri: 'memory:' })
  const sid = await visitor.login()
  await visitor.request(({ session }) => other.set(sid, session))
  assert.equal((await other.get(sid)).user, 'ada')
  await other.close()
  assert.deepEqual(store.events, [])
})

onBothEngines(test, 'the cookie of a session that was read is a plain object', async (t, open) => {
  const store = open()
  const session = newSession({ user: 'ada' })
  await store.set('sid', session)
  const found = await store.get('sid')
  const { _expires: expires, ...cookie } = session.cookie
  assert.deepEqual(found, { cookie: { ...cookie, expires }, user: 'ada' })
  assert.deepEqual(JSON.parse(JSON.stringify(found)).cookie, {
    ...cookie,
    expires: expires.toISOString(),
  })
  assert.deepEqual(structuredClone(found), found)
})
