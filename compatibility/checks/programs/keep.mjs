// Keeps a session, and prints what it reads of it: with nothing but the package, so that it needs no right but those that
// the package needs.
import { MongoSessionStore } from '../../../index.mjs'

const store = new MongoSessionStore({ uri: 'memory:' })
await store.set('sid', { cookie: {}, user: 'ada' })
console.log((await store.get('sid')).user)
await store.close()
