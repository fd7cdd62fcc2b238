// What the processes and threads of threads.test.mjs have in common.
import { MongoSessionStore } from '../../index.mjs'

export function session(data) {
  return { cookie: { path: '/', originalMaxAge: null, httpOnly: true }, ...data }
}

/** Opens a store and keeps it busy for good; the answer says when the first operation is back. */
export function busyStore(uri) {
  const store = new MongoSessionStore({ uri })
  // What ends with the process is no failure of anybody.
  store.on('error', () => {})
  async function work(lane) {
    for (let round = 0; ; round++) {
      const sid = `${lane}-${round % 10}`
      await store.set(sid, session({ round }))
      await store.get(sid)
      await store.destroy(sid)
    }
  }
  for (let lane = 0; lane < 50; lane++) work(lane)
  return store.get('nobody')
}
