// One process of a fleet: it loads a session, takes note of what it held, changes it and saves it.
import { MongoSessionStore } from '../index.mjs'

const { uri, encryption } = JSON.parse(process.argv[2])
if (encryption) encryption.keys = [Buffer.from(process.argv[3], 'hex')]
const store = new MongoSessionStore({ uri, encryption })

process.on('message', async (message) => {
  if (message === 'stop') {
    await store.close()
    process.disconnect()
    return
  }
  const { sid, n } = message
  try {
    const found = await store.get(sid)
    const session = found
      ? store.createSession({ sessionID: sid, sessionStore: store }, found)
      : { cookie: { originalMaxAge: 60_000 }, user: 'ada' }
    const before = session.n ?? 0
    session.n = n
    await store.set(sid, session)
    process.send({ before, error: null })
  } catch (error) {
    process.send({ error: `${error.code}: ${error.message}` })
  }
})
