// A thread that stores sessions of its own, reads them back, and says how it went.
import { parentPort, workerData } from 'node:worker_threads'
import { MongoSessionStore } from '../../index.mjs'
import { session } from './support.mjs'

const { uri, name, count } = workerData
const store = new MongoSessionStore({ uri })
const sids = Array.from({ length: count }, (_, index) => `${name}-${index}`)
await Promise.all(sids.map((sid) => store.set(sid, session({ name, sid }))))
const found = await Promise.all(sids.map((sid) => store.get(sid)))
await store.close()
parentPort.postMessage(found.map(({ name, sid }) => ({ name, sid })))
