import type { SessionData, Store } from 'express-session'
import type {
  Callback,
  MongoSessionStore,
  MongoSessionStoreCryptoAdapter,
  MongoSessionStoreOptions,
} from '../../index.js'

/** Options of the store that go by another name or another unit here. */
type Renamed =
  | 'uri'
  | 'client'
  | 'collection'
  | 'driverOptions'
  | 'writeConcern'
  | 'ttl'
  | 'touchAfter'
  | 'autoRemoveInterval'
  | 'stringify'
  | 'serialize'
  | 'unserialize'

/** Options of the store that are connect-mongo's as well. */
type Shared =
  'dbName' | 'autoRemove' | 'transformId' | 'timestamps' | 'cryptoAdapter' | 'fallbackMemory'

/** For connect-mongo an option that is null is as good as none. */
type Nullable<Options> = { [Name in keyof Options]: Options[Name] | null | undefined }

/**
 * Options of {@link MongoStore}: those of connect-mongo up to version 6, in its units, and every
 * option of MongoSessionStore that has no counterpart among them. One that leads to MongoDB is
 * needed; of several the first of this order counts: `mongoUrl`, `url`, `mongooseConnection`, `db`,
 * `clientPromise`, `client`. `T` is the application's type of a session.
 */
export interface ConnectMongoOptions<T extends SessionData = SessionData>
  extends
    Nullable<TheirOptions<T>>,
    Nullable<Pick<MongoSessionStoreOptions, Shared>>,
    Omit<MongoSessionStoreOptions, Renamed | Shared> {}

/** How a text is encrypted with a secret, in the words of the package kruptein. */
interface CipherSettings {
  /** Cipher. @default 'aes-256-gcm' */
  algorithm?: string | undefined
  /** Hash function. @default 'sha512' */
  hashing?: string | undefined
  /** Characters of the key. @default 32 */
  key_size?: number | undefined
  /** Bytes of the initialization vector. @default 16 */
  iv_size?: number | undefined
  /** Bytes of the authentication tag. @default 16 */
  at_size?: number | undefined
}

interface TheirOptions<T extends SessionData> extends CipherSettings {
  /** Connection string. Without a database in its path, it is the database `test`. */
  mongoUrl?: string
  /** The older name of `mongoUrl`. */
  url?: string
  /** A connection of mongoose, which names the database: `dbName` has no effect beside it. */
  mongooseConnection?: object
  /**
   * A Db of the official driver, which names the database: `dbName` has no effect beside it. Or the
   * name of the database, beside another option that leads to MongoDB.
   */
  db?: object | string
  /**
   * A promise of a MongoClient. The store opens connections of its own, and never closes it. When the
   * promise is rejected, every operation fails from then on, unless `fallbackMemory` is set; the option
   * `client` with `new MongoClient(url)`, or `mongoUrl`, survives a server that is down at start.
   */
  clientPromise?: PromiseLike<object>
  /** A MongoClient, connected or not. The store opens connections of its own, and never closes it. */
  client?: object
  /** Options of the official driver, for a connection string. */
  mongoOptions?: Record<string, any>
  /**
   * Name of the collection.
   *
   * @default 'sessions'
   */
  collectionName?: string
  /** The older name of `collectionName`. */
  collection?: string
  /**
   * Lifetime in seconds of a session whose cookie has no expiry. 0 stands for the default.
   *
   * @default 1209600
   */
  ttl?: number
  /**
   * Time in seconds by which a touch has to move the expiry of a session, or else it is not sent.
   *
   * @default 0
   */
  touchAfter?: number
  /**
   * Time in minutes between two removals of expired sessions, with `autoRemove: 'interval'`; at most
   * 35791. 0 stands for the default.
   *
   * @default 10
   */
  autoRemoveInterval?: number
  /**
   * Whether sessions are stored as JSON strings. Without effect beside `serialize`, `unserialize`,
   * `crypto`, `cryptoAdapter` and `encryption`.
   *
   * @default true
   */
  stringify?: boolean
  /** Turns a session into what is stored in its place: an object or a string. Synchronous. */
  serialize?: (session: T) => string | (object & { then?: never })
  /** Turns what is stored back into the session. Synchronous. */
  unserialize?: (stored: any) => T
  /** When a write counts as done. */
  writeOperationOptions?: MongoSessionStoreOptions['writeConcern']
  /** Encrypts sessions by the package kruptein, which has to be installed for it. */
  crypto?: CryptoOptions
  /** Encrypts sessions as version 3 of connect-mongo does, with `algorithm`, `hashing` and the sizes. */
  secret?: string | false
  /** Encoding of what `secret` has encrypted. @default 'hex' */
  encodeas?: string
  /** An option that connect-mongo has given up. */
  createAutoRemoveIdx?: never
}

/** How sessions are encrypted and decrypted. A session is JSON text. */
export interface CryptoAdapter extends MongoSessionStoreCryptoAdapter {
  encrypt(text: string): string | Promise<string>
}

/** Options of kruptein. */
export interface CryptoOptions extends CipherSettings {
  /** A text that is not empty; `false` means that nothing is encrypted. */
  secret: string | false
  /** Encoding. @default 'base64' */
  encodeas?: string | undefined
}

/** Options of {@link createSecretAdapter}. */
export interface SecretAdapterOptions extends CipherSettings {
  /** A text that is not empty. */
  secret: string
  /** Encoding. @default 'hex' */
  encodeas?: string | undefined
}

/** Options of {@link createWebCryptoAdapter}. */
export interface WebCryptoAdapterOptions {
  /** Of what the key is derived; not empty. */
  secret: string | ArrayBuffer | ArrayBufferView
  /** Bytes of the initialization vector. @default 12, or 16 for AES-CBC */
  ivLength?: number | undefined
  /** @default 'base64' */
  encoding?: 'base64' | 'base64url' | 'hex' | undefined
  /** @default 'AES-GCM' */
  algorithm?: 'AES-GCM' | 'AES-CBC' | undefined
  /** Salt of the key. Every process that uses the collection has to agree. */
  salt?: string | ArrayBuffer | ArrayBufferView | undefined
  /** Rounds of the derivation. @default 310000 */
  iterations?: number | undefined
}

/** An adapter that encrypts by kruptein, which has to be installed for it. */
export function createKrupteinAdapter(options: CryptoOptions & { secret: string }): CryptoAdapter

/** An adapter that encrypts as the option `secret` of connect-mongo 3 does. */
export function createSecretAdapter(options: SecretAdapterOptions): CryptoAdapter

/** An adapter that encrypts as Web Crypto does, with a key that is derived by PBKDF2. */
export function createWebCryptoAdapter(options: WebCryptoAdapterOptions): CryptoAdapter

/**
 * A store with connect-mongo's options, and all that MongoSessionStore can do. `T` is the application's
 * type of a session.
 */
export interface MongoStore<T extends SessionData = SessionData> extends MongoSessionStore {
  get(sid: string): Promise<T | null>
  get(sid: string, callback: Callback<[session?: T | null]>): void
  set(sid: string, session: T): Promise<void>
  set(sid: string, session: T, callback: Callback | undefined): void
  touch(sid: string, session: T): Promise<void>
  touch(sid: string, session: T, callback: Callback | undefined): void
  all(): Promise<T[]>
  all(callback: Callback<[sessions?: T[] | null]>): void
}

/** express-session, or what had it inside in the days of Express 3. */
export type SessionModule = { Store: typeof Store } | { session: { Store: typeof Store } }

/** The class of {@link MongoStore}, which can be called with express-session as well. */
export interface MongoStoreClass {
  /** Never throws for a server that cannot be reached; a bad option is a `TypeError`. */
  new <T extends SessionData = SessionData>(options: ConnectMongoOptions<T>): MongoStore<T>
  /** The older form: `const MongoStore = require('…/connect-mongo')(session)`. */
  (session: SessionModule): MongoStoreClass
  /** The same as `new MongoStore(options)`. */
  create<T extends SessionData = SessionData>(options: ConnectMongoOptions<T>): MongoStore<T>
  readonly prototype: MongoStore
}

export const MongoStore: MongoStoreClass
export default MongoStore
