import MongoStore = require('../../index.cjs')

/** The constructor of stores; it can be called with and without `new`. */
declare const Store: Store.StoreConstructor

/** A MongoSessionStore with the methods of the package express-session-mongodb beside its own. */
interface Store extends MongoStore.MongoSessionStore {
  /**
   * Flags a session as deleted, or with `null` all of them, and returns how many were flagged;
   * `flagDeletion` of MongoSessionStore.
   */
  FlagDeletion(sid: string | null): Promise<number>
  FlagDeletion(sid: string | null, callback: MongoStore.Callback<[flagged?: number]>): void

  /** Deletes the flagged sessions and returns how many there were; `cleanup` of MongoSessionStore. */
  Cleanup(): Promise<number>
  Cleanup(callback: MongoStore.Callback<[removed?: number]>): void
}

declare namespace Store {
  interface StoreConstructor {
    /**
     * @param DB a Db of the official driver, or whatever the option `client` of MongoSessionStore takes
     * @param callback called once, when the server has been reached or could not be
     */
    new (DB: object, callback?: ReadyCallback | null, options?: StoreOptions | null): Store
    (DB: object, callback?: ReadyCallback | null, options?: StoreOptions | null): Store
    readonly prototype: Store
  }

  type ReadyCallback = (error: any, store: Store) => void

  /** Options of MongoSessionStore that the argument `DB` stands for, or that are narrower here. */
  type Replaced = 'uri' | 'client' | 'ttl'

  /** The options of express-session-mongodb, and those of MongoSessionStore besides. */
  interface StoreOptions extends Omit<MongoStore.MongoSessionStoreOptions, Replaced> {
    /** `TimeToLive` in milliseconds. */
    ttl?: number | undefined
    /**
     * Name of the collection; `collection` of MongoSessionStore.
     *
     * @default 'Sessions'
     */
    CollectionName?: string | null | undefined
    /**
     * Has no effect: there is always a unique index on the session id.
     */
    IndexSessionID?: boolean | null | undefined
    /**
     * Time in seconds for which a session lives after it was last read or written; `ttl` in
     * milliseconds and `touchOnGet` of MongoSessionStore. With 0, sessions do not expire.
     *
     * @default 0
     */
    TimeToLive?: number | null | undefined
    /**
     * Whether '-', '.', '$' and NUL are replaced in the keys of the stored session, and put back in those
     * of every session that is read. It excludes `serialize` and `unserialize`.
     *
     * @default false
     */
    Filter?: boolean | null | undefined
    /**
     * Whether `destroy` and `clear` flag sessions instead of deleting them; `deleteFlags` of
     * MongoSessionStore.
     *
     * @default false
     */
    DeleteFlags?: boolean | null | undefined
    /** The same as `DeleteFlags`, by the name that express-session-mongodb reads. */
    DeleteFlag?: boolean | null | undefined
    /** Has no effect. */
    ConvertToUtf8?: unknown
  }
}

export = Store
