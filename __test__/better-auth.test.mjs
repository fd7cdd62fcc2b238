// The secondary storage for better-auth, called as that calls it. better-auth itself is tried by
// `npm run test:frameworks`.
import assert from 'node:assert/strict'
import test from 'node:test'
import { secondaryStorage } from 'mongodb-session-store/better-auth'
import { LIFETIME_S } from './framework-requests.mjs'
import { onBothEngines } from './support.mjs'

onBothEngines(
  test,
  'better-auth: texts live for so many seconds, or for good',
  async (t, open, { sessions }) => {
    const store = open()
    const { get, set, delete: remove } = secondaryStorage(store)
    const before = Date.now()
    await set('for a time', 'one', LIFETIME_S)
    await set('for good', 'two')
    const expires = new Map((await store.entries()).map((entry) => [entry.sid, entry.expires]))
    const ms = expires.get('for a time').getTime() - LIFETIME_S * 1000
    assert.ok(ms >= before && ms <= Date.now())
    assert.ok(expires.get('for good').getFullYear() > 9999)
    assert.deepEqual([await get('for a time'), await get('for good')], ['one', 'two'])
    await sessions?.updateOne({ _id: 'for a time' }, { $set: { expires: new Date(0) } })
    if (sessions) assert.equal(await get('for a time'), null)
    await remove('for good')
    assert.equal(await get('for good'), null)
    await set('for good', 'three')
    assert.equal(await get('for good'), 'three')
  },
)

onBothEngines(
  test,
  'better-auth: the session of a token that was deleted is not stored again',
  async (t, open, { engine }) => {
    const store = open()
    const { get, set, delete: remove } = secondaryStorage(store)
    const text = JSON.stringify({ session: { token: 'token' }, user: { name: 'ada' } })
    await set('token', text, LIFETIME_S)
    assert.equal(await get('token'), text)
    await remove('token')
    await set('token', text, LIFETIME_S)
    assert.equal(await get('token'), null)
    assert.deepEqual(store.events, [{ name: 'discard', value: 'token' }])
    if (engine === 'memory') return
    // Nor by another process.
    const other = secondaryStorage(open())
    await other.set('token', text, LIFETIME_S)
    assert.equal(await other.get('token'), null)
  },
)

onBothEngines(
  test,
  'better-auth: one gets what is taken, and every increment counts',
  async (t, open, { sessions }) => {
    const store = open()
    const { get, set, getAndDelete, increment } = secondaryStorage(store)
    await set('verification:ada', 'once', LIFETIME_S)
    const taken = await Promise.all(
      Array.from({ length: 5 }, () => getAndDelete('verification:ada')),
    )
    assert.deepEqual(
      taken.filter((text) => text !== null),
      ['once'],
    )
    assert.equal(await get('verification:ada'), null)
    assert.equal(await getAndDelete('nothing'), null)

    const before = Date.now()
    const counts = await Promise.all(
      Array.from({ length: 20 }, () => increment('limit', LIFETIME_S)),
    )
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, at) => at + 1),
    )
    const ended = Date.now() + LIFETIME_S * 1000
    assert.equal(await increment('limit', 10 * LIFETIME_S), 21)
    const { expires } = (await store.entries()).find(({ sid }) => sid === 'limit')
    assert.ok(expires.getTime() >= before + LIFETIME_S * 1000 && expires.getTime() <= ended)
    if (!sessions) return
    await sessions.updateOne({ _id: 'limit' }, { $set: { expires: new Date(0) } })
    assert.equal(await increment('limit', LIFETIME_S), 1)
  },
)
