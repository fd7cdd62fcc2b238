// @ts-check
// What `require` answers in plain JavaScript, as an editor sees it. Nothing here is run.
const session = require('express-session')
const Store = require('mongodb-session-store')
const { MongoSessionStore, MongoSessionStoreError } = require('mongodb-session-store')

const stores = [
  new Store({ uri: 'memory:' }),
  new Store.default({ prefix: 'app:' }),
  new MongoSessionStore({ ttl: (data) => data.cookie.originalMaxAge ?? 60_000 }),
]
for (const store of stores) {
  session({ secret: 'secret', store })
  store.on('error', (error) => error instanceof MongoSessionStoreError && error.code.trim())
  store.get('sid').then((found) => found?.cookie.path)
}

// @ts-expect-error an option that does not exist
new MongoSessionStore({ url: 'mongodb://localhost' })
// @ts-expect-error a lifetime in words
new Store({ ttl: '1 day' })
// @ts-expect-error an export that does not exist
Store.MongoStore
