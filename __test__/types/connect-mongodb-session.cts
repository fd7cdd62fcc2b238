// What TypeScript accepts and refuses of the adapter in a CommonJS module. Nothing here is run.
import session = require('express-session')
import connectMongoDBSession = require('mongodb-session-store/connect-mongodb-session')

const MongoDBStore = connectMongoDBSession(session)
const options: connectMongoDBSession.MongoDBStoreOptions = {
  uri: 'mongodb://localhost/app',
  databaseName: 'sessions',
  expires: 60_000,
}
const stores: connectMongoDBSession.MongoDBStore[] = [
  new MongoDBStore(options),
  MongoDBStore(options, (error) => console.error(error)),
  new MongoDBStore((error) => console.error(error)),
]
session({ secret: 'secret', store: new MongoDBStore() })

// @ts-expect-error what is not express-session
connectMongoDBSession('express-session')
// @ts-expect-error a callback that is something else
new MongoDBStore(options, 'done')

export = { stores }
