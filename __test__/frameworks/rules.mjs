// The rules that the store keeps with frameworks that have no express-session in them, as far as these hand over what
// it takes: tried in the same way with each.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onBothEngines } from '../support.mjs'

/**
 * Tries the rules. `visit(t, store)` serves an application until the test has ended, and answers a `Visitor` whose
 * handlers get `{ session }`, of which they call `get(key)`, `set(key, value)` and `destroy()`.
 */
export function testRules(visit) {
  onBothEngines(
    test,
    'two requests that change different keys do not undo each other',
    async (t, open) => {
      const store = open()
      const visitor = await visit(t, store)
      await visitor.request(({ session }) => session.set('user', 'ada'))
      await visitor.atOnce(
        (session) => session.set('cart', { items: 1 }),
        (session) => session.set('theme', 'dark'),
        (session) => void session.get('user'),
      )
      assert.deepEqual(await contents(visitor), ['ada', { items: 1 }, 'dark'])
      assert.equal(await store.length(), 1)
      assert.deepEqual(store.events, [])
    },
  )

  onBothEngines(
    test,
    'a destroyed session is not brought back by a request that was under way',
    async (t, open) => {
      const store = open()
      const visitor = await visit(t, store)
      await visitor.request(({ session }) => session.set('user', 'ada'))
      const cookies = new Map(visitor.browser.cookies)
      await visitor.inTurn(
        (session) => session.destroy(),
        (session) => session.set('cart', { items: 1 }),
      )
      assert.equal(await store.length(), 0)
      assert.deepEqual(
        store.events.map(({ name }) => name),
        ['discard'],
      )
      // Also for somebody who has kept the cookie.
      visitor.browser.cookies = cookies
      assert.deepEqual(await contents(visitor), [null, null, null])
    },
  )
}

function contents(visitor) {
  return visitor.request(({ session }) =>
    ['user', 'cart', 'theme'].map((key) => session.get(key) ?? null),
  )
}
