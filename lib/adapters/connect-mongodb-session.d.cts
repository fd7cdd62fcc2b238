import Store = require('../../index.cjs')

/**
 * Returns the constructor of stores that takes the options of the package connect-mongodb-session.
 * The argument is the module express-session.
 */
declare function connectMongoDBSession(session: {
  Store: unknown
}): connectMongoDBSession.MongoDBStoreConstructor

declare namespace connectMongoDBSession {
  /** The store: a MongoSessionStore, which also emits `connected` once, after the first connection. */
  type MongoDBStore = Store.MongoSessionStore

  /** Can be called with and without `new`. */
  interface MongoDBStoreConstructor {
    new (options?: MongoDBStoreOptions | null, callback?: ConnectCallback): MongoDBStore
    new (callback: ConnectCallback): MongoDBStore
    (options?: MongoDBStoreOptions | null, callback?: ConnectCallback): MongoDBStore
    (callback: ConnectCallback): MongoDBStore
    readonly prototype: MongoDBStore
  }

  /** Called once: when the server has been reached, or with the error when it could not be. */
  type ConnectCallback = (error?: any) => void

  /** The options of connect-mongodb-session, and those of MongoSessionStore besides. */
  interface MongoDBStoreOptions extends Store.MongoSessionStoreOptions {
    /**
     * Connection string of the MongoDB deployment.
     *
     * @default 'mongodb://127.0.0.1:27017/test'
     */
    uri?: string | undefined
    /**
     * Name of the database, instead of the one in `uri`; `dbName` of MongoSessionStore.
     */
    databaseName?: string | null | undefined
    /**
     * Options of the official driver; `driverOptions` of MongoSessionStore.
     */
    connectionOptions?: object | null | undefined
    /**
     * Lifetime in milliseconds of a session whose cookie has no expiry; `ttl` of MongoSessionStore.
     *
     * @default 1209600000
     */
    expires?: number | null | undefined
    /**
     * Name of the field with the session id; `fields.id` of MongoSessionStore.
     *
     * @default '_id'
     */
    idField?: string | null | undefined
    /**
     * Name of the field with the expiry; `fields.expires` of MongoSessionStore.
     *
     * @default 'expires'
     */
    expiresKey?: string | null | undefined
    /**
     * Time in seconds after its expiry when MongoDB deletes a session; `expireAfter` of
     * MongoSessionStore, which is in milliseconds.
     *
     * @default 0
     */
    expiresAfterSeconds?: number | null | undefined
  }

  /** The names that the options have in the types of connect-mongodb-session. */
  type ConnectionInfo = MongoDBStoreOptions
  type MongoDBSessionOptions = MongoDBStoreOptions
}

export = connectMongoDBSession
