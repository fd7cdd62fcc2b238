// A process whose threads end in the midst of their work: prints how, as JSON. Whether it has a store
// of its own decides whether the addon outlives the last thread.
import { Worker } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'

const AT_ONCE = 8

const { threads, hasStore, uri } = JSON.parse(process.argv[2])
const store = hasStore && new (await import('../../index.mjs')).MongoSessionStore({ uri })
// A machine this busy may take its server for one that is away.
if (store) store.on('error', () => {})

/** Runs a thread to its end, and answers its exit code. */
async function run({ way, uri, ms }) {
  const worker = new Worker(new URL('thread.mjs', import.meta.url), {
    workerData: { way, uri, ms },
  })
  worker.on('error', () => {})
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  if (way === 'be ended') {
    await Promise.race([exit, new Promise((resolve) => worker.once('message', resolve))])
    await sleep(ms)
    await worker.terminate()
  }
  return { way, code: await exit }
}

const ended = []
const queue = [...threads]
const lane = async () => {
  while (queue.length > 0) ended.push(await run(queue.shift()))
}
await Promise.all(Array.from({ length: AT_ONCE }, lane))

if (store) {
  const works = async () => {
    try {
      await store.set('after', { cookie: {}, works: true })
      return (await store.get('after')).works
    } catch {
      return false
    }
  }
  while (!(await works())) await sleep(100)
  ended.push({ way: 'works', code: 1 })
  await store.close()
}
process.stdout.write(JSON.stringify(ended))
