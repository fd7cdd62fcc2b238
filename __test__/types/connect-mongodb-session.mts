// What TypeScript accepts and refuses of the adapter in an ES module. Nothing here is run.
import session, { type Store } from 'express-session'
import connectMongoDBSession from 'mongodb-session-store/connect-mongodb-session'

const MongoDBStore = connectMongoDBSession(session)
const store = new MongoDBStore(
  {
    uri: 'mongodb://localhost/app',
    databaseName: 'app',
    collection: 'sessions',
    connectionOptions: { serverSelectionTimeoutMS: 10_000 },
    expires: 60_000,
    idField: 'sid',
    expiresKey: 'until',
    expiresAfterSeconds: 60,
    operationTimeout: 5_000,
  },
  (error) => console.error(error),
)
store.on('connected', () => console.log('connected')).on('error', (error) => error.code.length)
const typed: connectMongoDBSession.MongoDBSessionOptions = { uri: 'mongodb://localhost/app' }
new MongoDBStore(typed)
new MongoDBStore({ uri: process.env.MONGO_URL, expires: null, databaseName: undefined })
const plain: Store = MongoDBStore({ uri: 'mongodb://localhost/app' })

// @ts-expect-error an option that does not exist
new MongoDBStore({ url: 'mongodb://localhost/app' })
// @ts-expect-error a lifetime in words
new MongoDBStore({ expires: '1 day' })

export { plain }
