// Failures are errors of one kind, with a code.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { MongoSessionStore, MongoSessionStoreError } from '../../index.mjs'
import { newSession, onMongodb } from './world.mjs'

async function failure(promise) {
  return promise.then(
    () => assert.fail('it should have failed'),
    (error) => error,
  )
}

export const errors = {
  async 'a closed store says so'({ open }) {
    const store = open()
    await store.close()
    const error = await failure(store.get('sid'))
    assert.ok(error instanceof MongoSessionStoreError && error instanceof Error)
    assert.equal(error.code, 'ERR_STORE_CLOSED')
    assert.match(error.stack, /^MongoSessionStoreError: /)
  },

  async 'a wrong option is a TypeError that names it'({ uri }) {
    assert.throws(
      () => new MongoSessionStore({ uri, colection: 'sessions' }),
      (error) => error instanceof TypeError && /colection/.test(error.message),
    )
    assert.throws(() => new MongoSessionStore({ uri: 'mongodb://' }), TypeError)
  },

  async 'a wrong argument is a TypeError that names it'({ open }) {
    const store = open()
    for (const sid of [undefined, 5, { $ne: null }]) {
      const error = await failure(store.get(sid))
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    }
  },

  async 'a cycle is told as one, too many bytes as well, and nothing is stored'({ open }) {
    const store = open()
    const large = newSession({ text: 'x'.repeat(17 * 2 ** 20) })
    assert.equal((await failure(store.set('sid', large))).code, 'ERR_STORE_TOO_LARGE')
    const itself = newSession({})
    itself.self = itself
    const below = newSession({ cart: { of: [{}] } })
    below.cart.of[0].cart = below.cart
    // A text is made by the runtime, in whose own words the error is.
    for (const each of [store, open({ stringify: true })]) {
      for (const cyclic of [itself, below]) {
        const error = await failure(each.set('sid', cyclic))
        assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
        assert.match(error.message, /refers to itself in a cycle/)
      }
      assert.equal(await each.length(), 0)
    }
  },

  async 'what a getter of a session throws is passed on'({ open }) {
    const thrown = new RangeError('of the application')
    const session = newSession()
    Object.defineProperty(session, 'own', {
      enumerable: true,
      get: () => {
        throw thrown
      },
    })
    assert.equal(await failure(open().set('sid', session)), thrown)
  },

  'a server that cannot be reached is an error in time': onMongodb(async ({ open }) => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address()
    await new Promise((resolve) => server.close(resolve))
    const store = open({ uri: `mongodb://127.0.0.1:${port}/none` })
    const error = await failure(store.get('sid'))
    assert.equal(error.code, 'ERR_STORE_CONNECTION')
    assert.ok(error.cause instanceof Error)
    assert.ok(store.problems.length > 0)
  }),
}
