import type * as esm from './connect-mongo.js' with { 'resolution-mode': 'import' }

/**
 * What `require` answers: the class itself, with the named exports and the default export of the
 * ES module on it. They are documented in connect-mongo.d.ts.
 */
interface Exports {
  new (options: esm.ConnectMongoOptions): esm.MongoStore
  (session: esm.SessionModule): esm.MongoStoreClass
  create(options: esm.ConnectMongoOptions): esm.MongoStore
  readonly prototype: esm.MongoStore
  readonly MongoStore: esm.MongoStoreClass
  readonly default: esm.MongoStoreClass
  readonly createKrupteinAdapter: typeof esm.createKrupteinAdapter
  readonly createSecretAdapter: typeof esm.createSecretAdapter
  readonly createWebCryptoAdapter: typeof esm.createWebCryptoAdapter
}

declare const MongoStore: Exports

type MongoStore = esm.MongoStore

declare namespace MongoStore {
  type MongoStore = esm.MongoStore
  type ConnectMongoOptions = esm.ConnectMongoOptions
  type CryptoAdapter = esm.CryptoAdapter
  type CryptoOptions = esm.CryptoOptions
  type SecretAdapterOptions = esm.SecretAdapterOptions
  type WebCryptoAdapterOptions = esm.WebCryptoAdapterOptions
}

export = MongoStore
