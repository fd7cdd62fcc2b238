// The stores of the demo, all on one database.
import { MongoStore } from 'connect-mongo'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from 'mongodb-session-store'

const uri = process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions'

/** That of the documented walkthrough: the defaults. */
export const store = new MongoSessionStore({ uri })
store.on('info', console.log)
store.on('error', console.error)

// In an application: 32 random bytes from where it keeps its secrets.
const keys = [Buffer.from('32 bytes that are not secret, ok')]

const shop = {
  uri,
  collection: 'shop_sessions',
  // Whose session it is, and what its owner is told of it.
  userId: (session) => session.person,
  device: ({ browser }) => ({ browser }),
  // An open page that waits for news is not a person who does something.
  countsAsActivity: (req) => req.originalUrl !== '/live',
  // Sessions that end are told, whichever process has ended them.
  watch: true,
  // So short that an outage of five seconds shows.
  operationTimeout: 3000,
}

/** Those of the shop. Each reads what the other one has written; one encrypts what it saves. */
export const stores = {
  plain: new MongoSessionStore({ ...shop, encryption: { keys, decryptOnly: true } }),
  encrypted: new MongoSessionStore({ ...shop, encryption: { keys, acceptUnencrypted: true } }),
}
for (const each of Object.values(stores)) each.on('error', console.error)

/** The official driver, which looks at what is stored. */
export const client = new MongoClient(uri)

/** connect-mongo, as its documentation shows it, to compare with. */
export const connectMongo = MongoStore.create({ client, collectionName: 'connect_mongo_sessions' })
// Or a server that is away at start would end the process.
connectMongo.collectionP.catch(console.error)

/** Closes all of them; the driver goes with connect-mongo. */
export async function closeStores() {
  const own = [store, stores.plain, stores.encrypted]
  await Promise.all([...own.map((each) => each.close()), connectMongo.close()])
}
