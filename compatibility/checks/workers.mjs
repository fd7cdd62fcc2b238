// Stores in worker threads.
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { newSession } from './world.mjs'

function start(uri, name) {
  const worker = new Worker(new URL('programs/worker.mjs', import.meta.url), {
    workerData: { uri, name },
  })
  const message = new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  return { worker, message, exit }
}

export const workers = {
  async 'threads have stores of their own, and end by themselves'({ open, uri, isMemory }) {
    const store = open()
    await store.set('main', newSession())
    const threads = ['a', 'b', 'c'].map((name) => start(uri, name))
    for (const { message } of threads) assert.equal(await message, 20)
    for (const { exit } of threads) assert.equal(await exit, 0)
    assert.equal(await store.length(), isMemory ? 1 : 61)
  },

  async 'a thread that is ended at work leaves the others alone'({ open, uri }) {
    const store = open()
    for (let round = 0; round < 5; round++) {
      const { worker, message, exit } = start(uri, 'busy')
      await message
      await worker.terminate()
      await exit
    }
    await store.set('sid', newSession({ user: 'ada' }))
    assert.equal((await store.get('sid')).user, 'ada')
  },
}
