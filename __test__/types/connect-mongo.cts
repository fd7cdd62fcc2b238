// What TypeScript accepts and refuses of the adapter as a CommonJS module. Nothing here is run.
import session = require('express-session')
import connectMongo = require('mongodb-session-store/connect-mongo')

const OlderForm = connectMongo(session)
const { MongoStore, default: Default, createSecretAdapter, createWebCryptoAdapter } = connectMongo
const ofSecret: connectMongo.SecretAdapterOptions = { secret: 'a secret' }
const old: connectMongo.CryptoAdapter = createSecretAdapter(ofSecret)
const cryptoAdapter: connectMongo.CryptoAdapter = createWebCryptoAdapter({ secret: 'a secret' })
const options: connectMongo.ConnectMongoOptions = { url: 'mongodb://localhost/app', cryptoAdapter }
const stores: connectMongo.MongoStore[] = [
  new OlderForm({ url: 'mongodb://localhost/app', ttl: 14 * 24 * 60 * 60 }),
  new connectMongo(options),
  connectMongo.create(options),
  connectMongo.create({ ...options, cryptoAdapter: old }),
  MongoStore.create(options),
  Default.create(options),
]

/** An application's own type of a session. */
interface MySession extends session.SessionData {
  user: string
}
const ofMine: connectMongo.ConnectMongoOptions<MySession> = { url: 'mongodb://localhost/app' }
const generic: connectMongo.MongoStore<MySession> = connectMongo.create<MySession>(ofMine)
const again: connectMongo<MySession> = new connectMongo<MySession>(ofMine)
class GenericStore extends connectMongo<MySession> {}
new GenericStore(ofMine).get('sid', (error, found) => console.log(error, found?.user.trim()))
stores.push(generic, again)

// @ts-expect-error the older form without the module
connectMongo()
// @ts-expect-error options instead of the module
connectMongo(options)

export = stores
