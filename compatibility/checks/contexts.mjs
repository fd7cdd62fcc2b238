// The async context of a caller goes with its calls.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { newSession } from './world.mjs'

const request = new AsyncLocalStorage()

export const contexts = {
  async 'a callback runs in the context of its call'({ open }) {
    const store = open()
    const seen = await Promise.all(
      [1, 2, 3].map((id) =>
        request.run(id, () => {
          return new Promise((resolve) => store.get('sid', () => resolve(request.getStore())))
        }),
      ),
    )
    assert.deepEqual(seen, [1, 2, 3])
  },

  async 'what comes behind an await is in the context of the call'({ open }) {
    const store = open()
    const seen = await Promise.all(
      [1, 2, 3].map((id) =>
        request.run(id, async () => {
          await store.set(`sid-${id}`, newSession({ id }))
          return [request.getStore(), (await store.get(`sid-${id}`)).id]
        }),
      ),
    )
    assert.deepEqual(seen, [
      [1, 1],
      [2, 2],
      [3, 3],
    ])
  },
}
