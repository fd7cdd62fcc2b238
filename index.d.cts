import type * as esm from './index.js' with { 'resolution-mode': 'import' }

/**
 * What `require` returns: the class itself, with the named exports and the default export of the
 * ES module on it. They are documented in index.d.ts.
 */
declare const MongoSessionStore: typeof esm.MongoSessionStore & {
  readonly MongoSessionStore: typeof esm.MongoSessionStore
  readonly MongoSessionStoreError: typeof esm.MongoSessionStoreError
  readonly default: typeof esm.MongoSessionStore
}

type MongoSessionStore<Index extends string = never> = esm.MongoSessionStore<Index>

declare namespace MongoSessionStore {
  type MongoSessionStore<Index extends string = never> = esm.MongoSessionStore<Index>
  type MongoSessionStoreCryptoAdapter = esm.MongoSessionStoreCryptoAdapter
  type MongoSessionStoreDevice = esm.MongoSessionStoreDevice
  type MongoSessionStoreEncryption = esm.MongoSessionStoreEncryption
  type MongoSessionStoreEndedSession = esm.MongoSessionStoreEndedSession
  type MongoSessionStoreEntries = esm.MongoSessionStoreEntries
  type MongoSessionStoreEntry = esm.MongoSessionStoreEntry
  type MongoSessionStoreError = esm.MongoSessionStoreError
  type MongoSessionStoreErrorCode = esm.MongoSessionStoreErrorCode
  type MongoSessionStoreEvents = esm.MongoSessionStoreEvents
  type MongoSessionStoreFields = esm.MongoSessionStoreFields
  type MongoSessionStoreFilter = esm.MongoSessionStoreFilter
  type MongoSessionStoreIndexValue = esm.MongoSessionStoreIndexValue
  type MongoSessionStoreLatency = esm.MongoSessionStoreLatency
  type MongoSessionStoreOptions<Index extends string = string> = esm.MongoSessionStoreOptions<Index>
  type MongoSessionStorePart<Index extends string = string> = esm.MongoSessionStorePart<Index>
  type MongoSessionStoreStats = esm.MongoSessionStoreStats
  type MongoSessionStoreUser = esm.MongoSessionStoreUser
  type MongoSessionStoreUserSessions = esm.MongoSessionStoreUserSessions
  type MongoSessionStoreVerb = esm.MongoSessionStoreVerb
  type Callback<Result extends unknown[] = []> = esm.Callback<Result>
}

export = MongoSessionStore
