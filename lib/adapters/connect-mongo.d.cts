import type { SessionData } from 'express-session'
import type * as esm from './connect-mongo.js' with { 'resolution-mode': 'import' }

/**
 * What `require` returns: the class itself, with the named exports and the default export of the
 * ES module on it. They are documented in connect-mongo.d.ts.
 */
interface Exports {
  new <T extends SessionData = SessionData>(options: esm.ConnectMongoOptions<T>): esm.MongoStore<T>
  (session: esm.SessionModule): esm.MongoStoreClass
  create<T extends SessionData = SessionData>(
    options: esm.ConnectMongoOptions<T>,
  ): esm.MongoStore<T>
  readonly prototype: esm.MongoStore
  readonly MongoStore: esm.MongoStoreClass
  readonly default: esm.MongoStoreClass
  readonly createKrupteinAdapter: typeof esm.createKrupteinAdapter
  readonly createSecretAdapter: typeof esm.createSecretAdapter
  readonly createWebCryptoAdapter: typeof esm.createWebCryptoAdapter
}

declare const MongoStore: Exports

type MongoStore<T extends SessionData = SessionData> = esm.MongoStore<T>

declare namespace MongoStore {
  type MongoStore<T extends SessionData = SessionData> = esm.MongoStore<T>
  type ConnectMongoOptions<T extends SessionData = SessionData> = esm.ConnectMongoOptions<T>
  type CryptoAdapter = esm.CryptoAdapter
  type CryptoOptions = esm.CryptoOptions
  type SecretAdapterOptions = esm.SecretAdapterOptions
  type WebCryptoAdapterOptions = esm.WebCryptoAdapterOptions
}

export = MongoStore
