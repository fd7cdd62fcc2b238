// Callbacks run once, later, and on a stack of their own.
import assert from 'node:assert/strict'
import { newSession, until } from './world.mjs'

/** Every method with its arguments before the callback. */
const METHODS = {
  set: ['sid', newSession()],
  get: ['sid'],
  touch: ['sid', newSession()],
  all: [],
  ids: [],
  entries: [],
  length: [],
  find: [{}],
  flagDeletion: ['sid'],
  cleanup: [],
  destroyMany: [{}],
  destroy: ['sid'],
  clear: [],
  ping: [],
  close: [],
}

export const callbacks = {
  async 'every method calls back once, after it has returned'({ open }) {
    const store = open()
    const calls = []
    for (const [method, args] of Object.entries(METHODS)) {
      let returned = false
      const answer = store[method](...args, (error) =>
        calls.push([method, returned, error ?? null]),
      )
      returned = true
      assert.equal(answer, undefined, method)
    }
    await until(() => calls.length >= Object.keys(METHODS).length, 'the callbacks')
    await store.close()
    const names = Object.keys(METHODS)
    assert.deepEqual(new Set(calls.map(([method]) => method)), new Set(names))
    assert.equal(calls.length, names.length)
    assert.ok(calls.every(([, returned, error]) => returned && error === null))
  },

  async 'every method answers with a promise without a callback'({ open }) {
    const store = open()
    for (const [method, args] of Object.entries(METHODS)) {
      const answer = store[method](...args)
      assert.ok(answer instanceof Promise, method)
      await answer
    }
  },

  async 'what a callback throws is an uncaught exception, and no other call is lost'(world) {
    const { code, stdout, stderr } = await world.run('programs/throw.mjs')
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 0, stdout: 'thrown thrown 50 answers\n', stderr: '' },
    )
  },

  async 'a callback that is no function is a TypeError'({ open }) {
    assert.throws(() => open().get('sid', 'callback'), TypeError)
  },
}
