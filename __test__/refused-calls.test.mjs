// What becomes of a call that the addon does not take.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PromiseCall } from '../lib/calls/call.cjs'
import { Channel } from '../lib/calls/channel.cjs'
import { failure } from './support.mjs'

/** A channel to an engine of its own, that answers calls with the kind of the answer. */
function open(t, options = {}) {
  const give = (call, kind) => call?.succeed(kind)
  const channel = new Channel({ uri: 'memory:', ...options }, [], give)
  const close = () => ended(channel, (native, ticket) => native.close(ticket))
  t.after(() => succeeds(close()))
  return { channel, close }
}

function succeeds(promise) {
  return promise.catch(() => {})
}

/** The promise of the end of a call for the session `sid`. */
function ended(channel, send) {
  const call = Object.assign(new PromiseCall(), { id: 'sid', event: 'set' })
  channel.submit(call, 'sid', send)
  return call.promise
}

test('a call that cannot be handed over fails, and leaves nothing behind', async (t) => {
  const { channel } = open(t, { touchOnGet: true })
  const error = new Error('no room')
  const refused = ended(channel, () => {
    throw error
  })
  assert.equal(channel.changes('sid'), false)
  assert.equal(await failure(refused), error)
  await ended(channel, (native, ticket) => native.get(ticket, 'sid'))
  assert.equal(channel.changes('sid'), false)
})

test('a call behind the end of the store fails with a stable code', async (t) => {
  const { channel, close } = open(t)
  await close()
  const error = await failure(ended(channel, (native, ticket) => native.get(ticket, 'sid')))
  assert.equal(error.code, 'ERR_STORE_CLOSED')
  assert.equal(error.name, 'MongoSessionStoreError')
  assert.doesNotMatch(error.message, /ERR_STORE/)
})
