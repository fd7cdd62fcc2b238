// A process of correctness.mjs: when it is told to, it counts up in a session, so many times at once.
import { once } from 'node:events'

const { file, uri, sid, times } = JSON.parse(process.argv[2])
const { default: contender } = await import(`../contenders/${file}.mjs`)
// Of a busy machine the last of so many may be late.
const store = await contender.open(uri, { deleteFlags: true, operationTimeout: 900_000 })

process.send({ type: 'ready' })
await once(process, 'message')
await Promise.all(Array.from({ length: times }, countUp))
await contender.close(store)
process.disconnect()

async function countUp() {
  const count = (session) => {
    session.count = (session.count ?? 0) + 1
  }
  if (store.update) return store.update(sid, count)
  const session = await called((done) => store.get(sid, done))
  count(session)
  await called((done) => store.set(sid, session, done))
}

function called(call) {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)))
  })
}
