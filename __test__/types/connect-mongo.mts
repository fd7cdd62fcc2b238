// What TypeScript accepts and refuses of the adapter for connect-mongo. Nothing here is run.
import session, { type SessionData } from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'
import MongoStore, {
  MongoStore as Named,
  createKrupteinAdapter,
  createSecretAdapter,
  createWebCryptoAdapter,
  type ConnectMongoOptions,
  type CryptoAdapter,
  type CryptoOptions,
  type SecretAdapterOptions,
  type WebCryptoAdapterOptions,
} from 'mongodb-session-store/connect-mongo'

// The class, its factory method, and the older form.
// Clients can be those of any version of the driver and of mongoose.
declare const client: { close(): Promise<void>; readonly options: object }
const stores: MongoStore[] = [
  MongoStore.create({ mongoUrl: 'mongodb://localhost/app' }),
  Named.create({ clientPromise: Promise.resolve(client), dbName: 'app' }),
  new MongoStore({ client, collectionName: 'sessions', ttl: 3600, touchAfter: 60 }),
  new (MongoStore(session))({ url: 'mongodb://localhost/app', mongoOptions: { appName: 'app' } }),
  new Named({ mongooseConnection: client }),
  new Named({ db: client }),
]
export const base: MongoSessionStore[] = stores
export const middleware = session({ secret: 'secret', store: MongoStore.create({ client }) })

// What is stored, and the options of MongoSessionStore that connect-mongo does not have.
const crypto: CryptoOptions = { secret: 'a secret', algorithm: 'aes-256-gcm' }
const webCrypto: WebCryptoAdapterOptions = { secret: new Uint8Array(32), encoding: 'hex' }
const ofSecret: SecretAdapterOptions = { secret: 'a secret', encodeas: 'base64' }
const adapters: CryptoAdapter[] = [
  createKrupteinAdapter({ secret: 'a secret' }),
  createSecretAdapter(ofSecret),
  createWebCryptoAdapter(webCrypto),
  { encrypt: (text) => text, decrypt: async (text) => text },
]
const options: ConnectMongoOptions[] = [
  { client, stringify: false, autoRemove: 'interval', autoRemoveInterval: 10, timestamps: true },
  { client, serialize: (data) => ({ ...data }), unserialize: (stored: any) => stored },
  { client, transformId: (sid) => sid.slice(1), writeOperationOptions: { w: 'majority' } },
  { client, crypto },
  { client, secret: 'a secret', encodeas: 'hex' },
  ...adapters.map((cryptoAdapter) => ({ client, cryptoAdapter })),
  { client, cryptoAdapter: { decrypt: (text) => text } },
  { client, operationTimeout: 5000, whenDown: 'skip', prefix: 'app:' },
  // What is null or undefined is as good as not there.
  { mongoUrl: process.env.MONGO_URL, ttl: null, crypto: null, serialize: null, dbName: null },
  { client, transformId: undefined, cryptoAdapter: undefined, createAutoRemoveIdx: null },
]
export const made = options.map((each) => MongoStore.create(each))

/** An application's own type of a session. */
interface MySession extends SessionData {
  user: string
}
const generic = MongoStore.create<MySession>({
  client,
  serialize: ({ user, cookie }) => JSON.stringify({ user, cookie }),
  unserialize: (stored: SessionData | string): MySession => JSON.parse(String(stored)),
  writeOperationOptions: { w: 1, wtimeout: 500, j: true },
})
const same: MongoStore<MySession> = generic
const plain: MongoStore = new MongoStore<MySession>({ client })
export const ofGeneric = session({ secret: 'secret', store: same })
export const inferred: MongoStore<MySession> = MongoStore.create({
  client,
  unserialize: (stored): MySession => stored,
})
export class GenericStore extends MongoStore<MySession> {}
export async function users(store: MongoStore<MySession>) {
  const user: string | undefined = (await store.get('sid'))?.user
  store.get('sid', (error, found) => console.log(error, found?.user.toUpperCase()))
  for (const each of await store.all()) console.log(each.user.toUpperCase())
  const notMine = await plain.get('sid')
  // @ts-expect-error a field of the application's own type
  notMine?.user
  // @ts-expect-error a session without its user
  await store.set('sid', { cookie: new session.Cookie() })
  return user
}

export async function use(store: MongoStore) {
  store.on('error', (error) => error.code.toUpperCase()).on('connected', () => {})
  const found = await store.get('sid')
  await store.close()
  return found?.cookie.path
}

/** The class can be extended. */
export class AuditedStore extends MongoStore {
  override close(): Promise<void>
  override close(callback?: (error: any) => void): Promise<void> | void {
    return callback ? super.close(callback) : super.close()
  }
}

// @ts-expect-error nothing that leads to MongoDB, nor anything else
MongoStore.create()
// @ts-expect-error what is no session
MongoStore.create<{ user: string }>({ client })
// @ts-expect-error a session that is to come
MongoStore.create({ client, serialize: async (data) => ({ ...data }) })
// @ts-expect-error an option that does not exist
MongoStore.create({ mongoURL: 'mongodb://localhost' })
// @ts-expect-error a lifetime that is computed is in milliseconds, and an option of MongoSessionStore
MongoStore.create({ client, ttl: () => 60 })
// @ts-expect-error an option of MongoSessionStore that must not be null
MongoStore.create({ client, prefix: null })
// @ts-expect-error an option that connect-mongo has given up
MongoStore.create({ client, createAutoRemoveIdx: true })
// @ts-expect-error a way to clean up that does not exist
MongoStore.create({ client, autoRemove: 'daily' })
// @ts-expect-error an encoding that does not exist
createWebCryptoAdapter({ secret: 'a secret', encoding: 'utf8' })
// @ts-expect-error a secret that means no encryption
createSecretAdapter({ secret: false })
