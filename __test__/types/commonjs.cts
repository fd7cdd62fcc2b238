// What TypeScript accepts and refuses of a CommonJS module. Nothing here is run.
import session = require('express-session')
import Store = require('mongodb-session-store')

const { MongoSessionStore: Named, default: Default, MongoSessionStoreError: StoreError } = Store

// The module is the class, and so are its named and its default export.
const stores: Store[] = [new Store(), new Named(), new Default({ uri: 'memory:' })]
const storesOfSession: session.Store[] = stores
session({ secret: 'secret', store: new Store({ prefix: 'app:' }) })
class Extended extends Store {}
const extended: Store.MongoSessionStore = new Extended({ collection: 'sessions' })

// Its types are at hand.
const options: Store.MongoSessionStoreOptions = { ttl: (data) => data.cookie.maxAge ?? 60_000 }
const done: Store.Callback = (error) => console.error(error)
const listener = (...[error]: Store.MongoSessionStoreEvents['error']) => error.mongoLabels
function codeOf(error: unknown): string | undefined {
  return error instanceof StoreError
    ? (error satisfies Store.MongoSessionStoreError).code
    : undefined
}

async function promises(store: Store) {
  const found: session.SessionData | null = await store.get('sid')
  const length: number = await store.length()
  store.close(done)
  store.on('error', listener).on('discard', (sid) => sid.length)
  return { found, length }
}

// @ts-expect-error an option that does not exist
new Store({ url: 'mongodb://localhost' })
// @ts-expect-error a lifetime in words
new Named({ ttl: '1 day' })
// @ts-expect-error a store has to be made
Store()

export = { storesOfSession, extended, options, codeOf, promises }
