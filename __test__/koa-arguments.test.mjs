// Koa's sessions call a store with lifetimes and options where others give a callback; the real koa-session is in
// __test__/frameworks/.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onBothEngines, openStore } from './support.mjs'

const OPTIONS = { ctx: {}, changed: true, rolling: false }

onBothEngines(
  test,
  'set takes a lifetime, and get and destroy pass over theirs',
  async (t, open, { sessions }) => {
    const store = open()
    const before = Date.now()
    const session = { user: 'ada', _expire: before + 5_000_000, _maxAge: 5_000_000 }
    await store.set('sid', session, 5_000_000, OPTIONS)
    const after = Date.now()
    assert.deepEqual(await store.get('sid', 5_000_000, OPTIONS), session)
    if (sessions !== undefined) {
      const { expires } = await sessions.findOne({ _id: 'sid' })
      assert.ok(expires.getTime() >= before + 5_000_000 && expires.getTime() <= after + 5_000_000)
    }
    await store.destroy('sid', { ctx: {} })
    assert.equal(await store.get('sid', undefined, OPTIONS), null)
  },
)

onBothEngines(test, 'a lifetime that is over is one', async (t, open) => {
  const store = open()
  await store.set('sid', { user: 'ada' }, 0, OPTIONS)
  assert.equal(await store.get('sid', 0, OPTIONS), null)
})

onBothEngines(
  test,
  "without a lifetime, or with the one 'session', the ttl counts",
  async (t, open, { sessions }) => {
    const store = open({ ttl: 5_000_000 })
    for (const lifetime of ['session', undefined]) {
      const before = Date.now()
      await store.set('sid', { user: 'ada' }, lifetime, OPTIONS)
      assert.equal((await store.get('sid', lifetime, OPTIONS)).user, 'ada')
      if (sessions === undefined) continue
      const { expires } = await sessions.findOne({ _id: 'sid' })
      assert.ok(
        expires.getTime() >= before + 5_000_000 && expires.getTime() <= Date.now() + 5_000_000,
      )
    }
  },
)

onBothEngines(test, 'a function for the ttl decides all the same', async (t, open) => {
  const store = open({ ttl: () => 0 })
  await store.set('sid', { user: 'ada' }, 5_000_000, OPTIONS)
  assert.equal(await store.get('sid'), null)
})

test('such calls of a closed store fail', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  await store.close()
  for (const call of [
    store.get('sid', 5, OPTIONS),
    store.set('sid', {}, 5, OPTIONS),
    store.destroy('sid', { ctx: {} }),
  ]) {
    await assert.rejects(call, { code: 'ERR_STORE_CLOSED' })
  }
})

test('what is neither a callback nor an argument of Koa is told', (t) => {
  const store = openStore(t, { uri: 'memory:' })
  for (const [method, args] of [
    ['get', ['sid', Number.NaN]],
    ['get', ['sid', { ctx: {} }]],
    ['set', ['sid', {}, Infinity]],
    ['set', ['sid', {}, 'never']],
    ['touch', ['sid', {}, 5000]],
    ['destroy', ['sid', 5000]],
    ['destroy', ['sid', {}]],
    ['length', [5000]],
  ]) {
    const message = new RegExp(`^the callback of ${method} must be a function, got `)
    assert.throws(() => store[method](...args), { code: 'ERR_INVALID_ARG_TYPE', message })
  }
})
