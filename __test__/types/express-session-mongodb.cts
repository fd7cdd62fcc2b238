// What TypeScript accepts and refuses of the adapter in a CommonJS module. Nothing here is run.
import session = require('express-session')
import Store = require('mongodb-session-store/express-session-mongodb')

const options: Store.StoreOptions = { CollectionName: 'Sessions', DeleteFlag: true }
const stores = (DB: { databaseName: string }): session.Store[] => [
  new Store(DB, null, options),
  Store(DB, (error, store: Store) => console.log(error, store.connected)),
]

// @ts-expect-error seconds in words
new Store({}, null, { TimeToLive: '60' })
// @ts-expect-error a client beside the handle
new Store({}, null, { client: {} })
// @ts-expect-error a connection string beside the handle
new Store({}, null, { uri: 'mongodb://localhost/app' })
// @ts-expect-error a lifetime that is computed, for documents that say when they were used
new Store({}, null, { ttl: () => 60 })

export = { stores }
