// A process that ends so many busy threads in the midst of their work, and then works itself.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { MongoSessionStore } from '../../index.mjs'
import { session } from './support.mjs'

const [uri, threads] = process.argv.slice(2)
for (let round = 0; round < Number(threads); round++) {
  const workerData = { uri, waits: round % 2 === 0 }
  const worker = new Worker(new URL('busy-worker.mjs', import.meta.url), { workerData })
  await once(worker, 'message')
  await worker.terminate()
}
const store = new MongoSessionStore({ uri })
await store.set('after', session({ works: true }))
const { works } = await store.get('after')
await store.close()
console.log(`works: ${works}`)
