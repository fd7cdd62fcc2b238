// The processes of the bench end with it, each by its id.
import assert from 'node:assert/strict'
import test from 'node:test'
import { start } from '../bench/harness/child.mjs'
import { failure } from './support.mjs'

/** A process that only passes connections on, so that it never ends of its own accord. */
async function forwarder(t) {
  const child = start('./distance.mjs', { port: 1, distance: 10 })
  t.after(() => isThere(child.pid) && process.kill(child.pid, 'SIGKILL'))
  await child.message('ready')
  return child
}

function isThere(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a process that is let go of ends, and whoever waits for it goes on', async (t) => {
  const child = await forwarder(t)
  child.disconnect()
  await child.exit()
  assert.equal(isThere(child.pid), false)
})

test('a process that does not end by itself is ended', async (t) => {
  const child = await forwarder(t)
  assert.match((await failure(child.exit(1))).message, /distance\.mjs ended: SIGKILL/)
  assert.equal(isThere(child.pid), false)
})

test('a process that says nothing is ended', async (t) => {
  const child = await forwarder(t)
  assert.match((await failure(child.message('figures', 1))).message, /distance\.mjs ended: SIGKILL/)
  assert.equal(isThere(child.pid), false)
})
