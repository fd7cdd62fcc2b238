// A thread that stores sessions, says how many it reads back, and, if it is called `busy`, goes on for good.
import { parentPort, workerData } from 'node:worker_threads'
import { MongoSessionStore } from '../../../index.mjs'
import { newSession } from '../world.mjs'

const { uri, name } = workerData
const store = new MongoSessionStore({ uri })
const sids = Array.from({ length: 20 }, (_, index) => `${name}-${index}`)
await Promise.all(sids.map((sid) => store.set(sid, newSession({ sid }))))
const found = await Promise.all(sids.map((sid) => store.get(sid)))
parentPort.postMessage(found.filter(({ sid }, index) => sid === sids[index]).length)
while (name === 'busy') await Promise.all(sids.map((sid) => store.get(sid)))
await store.close()
