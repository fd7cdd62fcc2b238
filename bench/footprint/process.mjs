// One process of the footprint: imports a store as an application would, gets one session, and tells what that
// took. `node process.mjs <contender> <uri>`; nothing is imported that is not measured.
const [, , contender, uri] = process.argv

/** Beyond express-session, which every application has. */
const STORES = {
  'express-session alone': undefined,
  async 'mongodb-session-store'() {
    const { MongoSessionStore } = await import(process.env.FOOTPRINT_PACKAGE)
    return new MongoSessionStore({ uri })
  },
  async 'connect-mongo'() {
    const { MongoStore } = await import('connect-mongo')
    return MongoStore.create({ mongoUrl: uri })
  },
  async '@iwsio/mongodb-express-session'() {
    const { MongoSessionStore } = await import('@iwsio/mongodb-express-session')
    return new MongoSessionStore({ uri })
  },
}

await import('express-session')
const store = await STORES[contender]?.()
if (store) {
  await new Promise((resolve, reject) => {
    store.get('no such session', (error) => (error ? reject(error) : resolve()))
  })
}
// Both at once: what is looked at later has grown, and what is looked at first was not there yet.
const startMs = performance.now()
const memoryBytes = process.memoryUsage.rss()
process.stdout.write(JSON.stringify({ startMs, memoryBytes }), () => process.exit())
