import { SessionData, Store } from 'express-session'

/** Options of {@link MongoSessionStore}. Every one may be left out. `Index` are the names of `indexes`. */
export interface MongoSessionStoreOptions<Index extends string = string> {
  /**
   * Connection string of the MongoDB deployment, with the database in its path, or `'memory:'` for
   * the memory of this process, which needs no server and keeps nothing beyond it.
   *
   * @default 'mongodb://localhost:27017/express_sessions'
   */
  uri?: string | undefined
  /**
   * Name of the database.
   *
   * @default the one that `uri` or `client` names, else 'test'
   */
  dbName?: string | undefined
  /**
   * Options of the official driver. Each overrides the option of the same name in `uri`. What a
   * connection string cannot hold is refused by name, but for `auth`, `readPreference`, `readConcern`,
   * `writeConcern` and `serverApi`.
   *
   * @default none
   */
  driverOptions?: Record<string, any> | undefined
  /**
   * When a write counts as done: `w`, `journal` and `wtimeoutMS` as in a connection string, or by their
   * older names `j` and `wtimeout`. `w` may not be below 1: the store has to know whether a session was stored.
   *
   * @default what the connection string says, else what the server does by default
   */
  writeConcern?:
    | {
        w?: number | string | undefined
        journal?: boolean | undefined
        j?: boolean | undefined
        wtimeoutMS?: number | undefined
        wtimeout?: number | undefined
      }
    | undefined
  /**
   * A MongoClient or Db of the official driver since version 3, a mongoose connection since version 5,
   * or a promise of one of them, instead of `uri`; not both. The store takes over hosts, credentials, TLS and the
   * name of the database; it opens connections of its own and never closes those of the application.
   *
   * Values of BSON types, such as an ObjectId, come back as those of the `bson` package that the driver of
   * this client uses. Without this option, of that which the application's mongoose or driver uses, as seen
   * from its program, from the working directory or from this package, in this order.
   *
   * A promise cannot be asked twice: once it is rejected, as that of `MongoClient.connect` is when the
   * server is down, every operation fails, unless `fallbackMemory` is set. A MongoClient that is not
   * connected, `new MongoClient(uri)`, or the option `uri` survives a server that is down at start.
   *
   * @default `uri` counts
   */
  client?: object | undefined
  /**
   * Name of the collection.
   *
   * @default 'sessions'
   */
  collection?: string | undefined
  /**
   * Lifetime in milliseconds of a session whose cookie has no expiry; or a function of the session that
   * returns its lifetime in milliseconds, which overrides the cookie. 0 and less mean that the session
   * has expired; a function that returns `Infinity`, that it never does.
   *
   * @default 86400000
   */
  ttl?: number | ((session: SessionData) => number) | undefined
  /**
   * What the `_id` of every session begins with. Methods without a session id act on sessions with
   * this prefix only, so several stores can share a collection.
   *
   * @default ''
   */
  prefix?: string | undefined
  /**
   * Whether the index `expires_1` is created, by which MongoDB deletes expired sessions. `false`
   * means the same as `autoRemove: 'disabled'`.
   *
   * @default true
   */
  createTTLIndex?: boolean | undefined
  /**
   * Who deletes expired sessions: MongoDB by its TTL index (`'native'`), the store about once in
   * `autoRemoveInterval`, one process doing it for all that share the collection (`'interval'`), or
   * nobody here (`'disabled'`). Whatever is chosen, an expired session reads as missing.
   *
   * @default 'native'
   */
  autoRemove?: 'native' | 'interval' | 'disabled' | undefined
  /**
   * Time in milliseconds between two removals, give or take a fifth; between 1 and 2147483647.
   *
   * @default 600000
   */
  autoRemoveInterval?: number | undefined
  /**
   * Time in milliseconds within which every operation ends, whatever the server does; between 1
   * and 2147483647. One that removes many sessions (`clear`, `cleanup`, `destroyMany`, `destroyByUser`,
   * `flagDeletion(null)`) ends when it has made no progress for so long, and a list (`entries`, `ids`, `find`,
   * `scan`, `users`, `sessionsOf`, `devices`) has so much for each page.
   *
   * @default 10000
   */
  operationTimeout?: number | undefined
  /**
   * What a request gets while no server can be reached: the error of the operation, which then
   * comes at once (`'error'`), or no session (`'skip'`: the store emits `disconnect` and `connect`,
   * on which express-session passes requests on without `req.session`).
   *
   * @default 'error'
   */
  whenDown?: 'error' | 'skip' | undefined
  /**
   * What a save of a session writes that was loaded before: the top-level keys that have changed
   * since, so that parallel requests do not undo each other's changes, or the whole session.
   *
   * @default 'difference'
   */
  save?: 'difference' | 'replace' | undefined
  /**
   * Whether `destroy` and `clear` flag sessions as deleted instead of deleting them. A flagged
   * session reads as missing and cannot be saved back to life, not even as a new one; it leaves the
   * collection by `cleanup` or after `deleteGrace`.
   *
   * @default false
   */
  deleteFlags?: boolean | undefined
  /**
   * Time in milliseconds after which MongoDB deletes a flagged session; between 0 and 2147483647.
   * Longer than the slowest request that may still hold the session.
   *
   * @default 3600000
   */
  deleteGrace?: number | undefined
  /**
   * Whether the `_id` of a session is the SHA-256 of its id (in base64url, behind the prefix), so that
   * a leaked database holds no live session id. Every process that uses the collection has to agree,
   * and sessions stored with the other setting are not found.
   *
   * @default false
   */
  hashIds?: boolean | undefined
  /**
   * A function of the session id. The string that it returns, which may not be empty, is stored behind the
   * prefix in place of the id. It has to return the same for the same id at all times, and different
   * strings for different ids. Methods and events have the id itself, lists have what is stored, see
   * {@link MongoSessionStoreEntry.sid}. With `hashIds`, what it returns is hashed.
   *
   * @default the session id itself
   */
  transformId?: ((sid: string) => string) | undefined
  /**
   * Whether a session that `get` finds lives on as if it had been touched: for the time that the function
   * `ttl` returns, else for `cookie.originalMaxAge`, else for the number `ttl`. `get` does not wait for
   * that, a failure of it is not reported, and it emits no `touch`.
   *
   * @default false
   */
  touchOnGet?: boolean | undefined
  /**
   * Whether the store keeps the sessions in this process (as with `uri: 'memory:'`) if no server can
   * be reached at start. It says so in a `warning`. The decision is made once, within half the
   * `operationTimeout` or the `serverSelectionTimeoutMS` of `uri`, whichever is shorter; operations wait
   * for it. A promise given as `client` is waited for first; if it is rejected, that counts as no server.
   * A server that goes away later is an outage as ever.
   *
   * @default false
   */
  fallbackMemory?: boolean | undefined
  /**
   * Whether the store tells of sessions that end, in this process or another one: the events `revoked` and
   * `expired`. All stores of a process on one collection share one change stream for it, which needs the right
   * `changeStream` (the role readWrite has it) and neither pre-images nor a setting of the collection. A standalone
   * is asked instead, once a second, or less often where that would take more than a twentieth of the time.
   *
   * @default false
   */
  watch?: boolean | undefined
  /**
   * Names the user of a session, by a string that is not empty, an integer or an ObjectId, of which the
   * text counts; undefined means nobody. It is called at every `set`, more than once, and the text is stored
   * in the top-level field `userId` beside the session, for which the store creates the sparse index
   * `userId_1`. The top-level keys of the session that it reads are saved together, and `userId` with them: of
   * two parallel requests that change one of them, the later one decides about all of that. Where it reads all
   * of the session (`Object.keys(session)`), all of it is. A session that was stored without the option counts
   * from its next save on.
   *
   * @default sessions are nobody's
   */
  userId?: ((session: SessionData) => MongoSessionStoreUser | undefined) | undefined
  /**
   * How many sessions a user may have at most; a whole number of 1 or more; or a function of the session that
   * returns it, `Infinity` for no limit, and is called at every save. One more log-in ends the session that has
   * been the user's for the longest; the top-level field `userSince` says since when, by MongoDB's clock. Of
   * several log-ins at the same moment some may end at once, each with a `discard`. A session that has expired
   * while its request ran is not saved any more. Needs `userId`.
   *
   * @default no limit
   */
  maxPerUser?: number | ((session: SessionData) => number) | undefined
  /**
   * What one more log-in than `maxPerUser` does: it ends the oldest session of the user (`'evict'`), or fails
   * with the code `ERR_STORE_TOO_MANY_SESSIONS`, and nobody is logged out (`'refuse'`; of several at the same
   * moment, perhaps all fail). Needs `maxPerUser`.
   *
   * @default 'evict'
   */
  whenFull?: 'evict' | 'refuse' | undefined
  /**
   * Whether the sessions of a user have handles, public names by which the user sees and ends them
   * ({@link MongoSessionStore.devices}, `revoke`); or a function of the session that returns what
   * `devices` tells of it, an object, or undefined for nothing. It is called for the list, and nothing of
   * it is stored. The document holds `handle`, `createdAt` and `lastSeenAt`; the last moves with every
   * save and every touch that is sent. A session from before has a handle from its next save on. Needs
   * `userId`.
   *
   * @default false
   */
  device?: boolean | ((session: SessionData) => object | null | undefined) | undefined
  /**
   * By what sessions are found: functions of the session, by names. A filter key that is such a name
   * ({@link MongoSessionStore.find}, `scan`, `count`, `destroyMany`) means the value that the function has
   * returned, and so does a name in `sort`. They are called at every save, more than once, and what they return
   * stands in the field `indexes` beside the session, **in the clear**, with `encryption` too; for each the store
   * creates the index `indexes.<name>_1__id_1`. Text (of at most 1024 bytes), number, boolean, Date, ObjectId;
   * null and undefined for nothing. The top-level keys of the session that a function reads are saved together
   * with its value, as those of `userId` are. One that throws is an error of the save, which then has changed
   * nothing. A session from before the option is found from its next save on. A name has no `.`, does not begin
   * with `$` and is none of the store's own fields.
   *
   * @default none
   */
  indexes?:
    { readonly [Name in Index]: (session: SessionData) => MongoSessionStoreIndexValue } | undefined
  /**
   * Encrypts every top-level field of a session with AES-256-GCM. Their names and sizes, and every field
   * beside the session stay visible: `_id` and `expires`, and with the options that store them `userId`,
   * `userSince`, `handle`, `lastSeenAt`, `indexes`, `createdAt` and `updatedAt`. Not with `stringify`,
   * `serialize`, `unserialize` or `cryptoAdapter`.
   *
   * @default nothing is encrypted
   */
  encryption?: MongoSessionStoreEncryption | undefined
  /**
   * Whether a session is stored as one JSON string instead of a document. All of it is written then by
   * every save, its values come back as what JSON makes of them, and it cannot be queried. Whatever is
   * set, both are read, and the next save writes what is set.
   *
   * @default false
   */
  stringify?: boolean | undefined
  /**
   * Turns a session into what is stored in its place: an object, which becomes a document, or a string.
   * Synchronous: a promise is refused, and so is an object that is more than its fields, such as an array
   * or a Map. Every save then writes all of it. What it throws is not passed on, since it may quote the
   * session.
   *
   * @default the session itself is stored
   */
  serialize?: ((session: SessionData) => string | (object & { then?: never })) | undefined
  /**
   * Turns what is stored, an object or a string, back into the session. Synchronous, too. Of a text that a
   * `cryptoAdapter` has decrypted the store cannot tell which of both it was: `unserialize` is called with
   * the object first, and with the string if it returns no session for that.
   *
   * @default what is stored is the session
   */
  unserialize?: ((stored: any) => SessionData) | undefined
  /**
   * Encrypts the JSON text of a session in a way of the application's own; for new applications there
   * is `encryption`. Documents and JSON texts are read as they are. Without `encrypt` it only reads
   * what was encrypted before. A call that waits for what it returns ends within `operationTimeout`
   * all the same. Not with `encryption`.
   *
   * @default none
   */
  cryptoAdapter?: MongoSessionStoreCryptoAdapter | undefined
  /**
   * Another store, from which sessions move in as they are asked for: `get` stores here what only that
   * one has, and destroys it there; `destroy` does so in both. Everything else sees only sessions that
   * have moved. Errors of its methods are passed on as they are. A call that waits for it ends within
   * `operationTimeout` all the same. It is not closed with this store. Not with `fallbackMemory`.
   *
   * @default none
   */
  previousStore?: Pick<Store, 'get' | 'destroy'> | undefined
  /**
   * Other names for the fields of the stored document, for collections that are there already.
   *
   * @default the names that each field says
   */
  fields?: MongoSessionStoreFields | undefined
  /**
   * Time in milliseconds, rounded up to seconds, for which MongoDB keeps the document of a session that
   * has expired and reads as missing: `expireAfterSeconds` of the TTL index.
   *
   * @default 0
   */
  expireAfter?: number | undefined
  /**
   * Whether a document holds when it was created and written last, in `createdAt` and `updatedAt`.
   *
   * @default false
   */
  timestamps?: boolean | undefined
  /**
   * Time in milliseconds by which a touch has to move the expiry that was loaded; one that would move it
   * by less is not sent. It saves a write for most requests of rolling sessions. With `Infinity` no
   * touch makes a session live longer; saves do, and a touch that shortens its life is sent. Any other time
   * that is not shorter than the lifetime is a warning, and a touch is sent when half of the lifetime is over.
   *
   * @default 0
   */
  touchAfter?: number | undefined
  /**
   * Time in milliseconds after its creation at which a session ends, however often it is used; or a function
   * of the session that returns it, `Infinity` for no such end, and is called at every save and touch. More than
   * 0. Its document then holds `createdAt`; a session from before that counts from its next write on.
   *
   * @default no such end
   */
  absoluteTimeout?: number | ((session: SessionData) => number) | undefined
  /**
   * Whether a request is a use of its session. One that is not, such as the poll of a page that nobody looks
   * at, neither prolongs the session nor moves `lastSeenAt`; what it changes is saved all the same. For
   * express-session, whose requests the store sees. Not with `touchOnGet`, which counts every read.
   *
   * @default every request is one
   */
  countsAsActivity?: ((req: any) => boolean) | undefined
  /**
   * The lifetimes of an authentication assurance level of NIST SP 800-63B-4: at most 30 days (`1`), 24 hours
   * and one hour without use (`2`), 12 hours and 15 minutes without use (`3`). `absoluteTimeout` and `ttl`
   * may ask for less; a number that asks for more is a `TypeError`, and of what a function or a cookie asks for,
   * no more than the level allows counts. `2` and `3` not with `fields.lastAccess`.
   *
   * @default no level
   */
  assurance?: 1 | 2 | 3 | undefined
}

/** Names of top-level fields of the stored document. All of them have to differ. */
export interface MongoSessionStoreFields {
  /**
   * The prefix and the session id. If it is not `_id`, MongoDB chooses that, and the store creates a
   * unique index on this field.
   *
   * @default '_id'
   */
  id?: string | undefined
  /**
   * The session.
   *
   * @default 'session'
   */
  session?: string | undefined
  /**
   * When the session expires.
   *
   * @default 'expires'
   */
  expires?: string | undefined
  /**
   * When the session was written or touched last, in a document that holds this instead of its expiry.
   * The session expires `ttl` milliseconds later, whatever its cookie says; or never, without `ttl` and
   * with `autoRemove: 'disabled'`.
   */
  lastAccess?: string | undefined
  /**
   * Whether the session is flagged as deleted.
   *
   * @default 'deleted'
   */
  deleted?: string | undefined
}

/** Encrypts and decrypts the text of a session. */
export interface MongoSessionStoreCryptoAdapter {
  /** Returns what is stored in place of a text. */
  encrypt?(text: string): string | Promise<string>
  /** Returns the text. */
  decrypt(text: string): string | Promise<string>
}

/** How sessions are encrypted. */
export interface MongoSessionStoreEncryption {
  /**
   * The first key encrypts, all of them decrypt: at least one, each 32 bytes or a passphrase of at
   * least 15 characters. They are copied, and may be wiped after construction.
   */
  keys: readonly (Uint8Array | string)[]
  /**
   * Whether fields that are not encrypted are read as they are, which is for a rollout only: who can
   * write into the database can then make up sessions.
   *
   * @default false
   */
  acceptUnencrypted?: boolean | undefined
  /**
   * Whether nothing is encrypted: what is encrypted is read, and what is saved is not. The first step of a
   * rollout, in which every process can read what others will encrypt; and the way back. It means
   * `acceptUnencrypted` as well.
   *
   * @default false
   */
  decryptOnly?: boolean | undefined
  /**
   * What the sessions are encrypted for beside their ids: one that was copied to a store with another
   * context is an error there. The same in every process that shares the sessions, not empty, and no secret.
   * Sessions that are restored under another name of the collection need the name from before.
   *
   * @default the name of the collection
   */
  context?: string | undefined
}

/** A session in a list. */
export interface MongoSessionStoreEntry {
  /**
   * The session id. With `hashIds` and `transformId` it is what the database holds in its place, by which
   * no method finds the session: neither `get` nor `destroy`, nor the option `except` of `destroyByUser`. It is
   * what {@link MongoSessionStore.idOf} returns for the session id. `destroyMany` finds a session by what it
   * holds.
   */
  sid: string
  /** The session as `get` returns it. */
  session: SessionData
  /** When the session expires, or `null` if never. */
  expires: Date | null
}

/** A session of a user, told without anything that is a credential. */
export interface MongoSessionStoreDevice {
  /**
   * The public name of the session, for {@link MongoSessionStore.revoke}. `null` for one that has not been
   * saved since the option `device` is set.
   */
  handle: string | null
  /** When the session was created, or `null` if its document does not say. */
  createdAt: Date | null
  /** When the session was used last, as far as touches and saves have been sent, or `null` likewise. */
  lastSeenAt: Date | null
  /** When the session expires, or `null` if never. */
  expires: Date | null
  /** What the function `device` returned for the session, or `null`. */
  device: any
  /** Whether it is the session that was given as `current`. */
  current: boolean
}

/** A session that has ended, as the option `watch` tells it. */
export interface MongoSessionStoreEndedSession {
  /**
   * What {@link MongoSessionStore.idOf} returns for its session id: the session id itself, a live credential
   * until now; with `hashIds` or `transformId` what the database held in its place.
   */
  id: string
  /** Its public name, with the option `device`, as far as this process has seen it. */
  handle?: string
}

/**
 * Which sessions are meant, by what they hold. A key is the path of a field inside the session, such
 * as `'user.role'`, or a name of the option `indexes`. Its value is
 *
 * - a string, number, boolean, bigint, Date, ObjectId, Buffer or `null`: the field holds it (`null`: it
 *   is missing or null), or an array with it;
 * - an array: the field holds one of its elements;
 * - an object with operators, all of which apply: `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`,
 *   `$nin`, `$exists`;
 * - any other object: the field is this object, with its keys in this order.
 *
 * They mean what they mean in MongoDB. Other operators, undefined and invalid dates are a `TypeError` with
 * the code `ERR_STORE_FILTER`. **A value that comes from outside belongs below `$eq`**, as in
 * `{ 'user.name': { $eq: req.body.name } }`: as it is, `{ "$ne": "" }` in a request body would be an
 * operator.
 */
export interface MongoSessionStoreFilter {
  readonly [path: string]: unknown
}

/** A value by which sessions are found; null and undefined for none. */
export type MongoSessionStoreIndexValue =
  | string
  | number
  | boolean
  | Date
  | { readonly _bsontype: 'ObjectId' | 'ObjectID'; toString(): string }
  | null
  | undefined

/** Which part of a list is wanted. `Index` are the names of the option `indexes`. */
export interface MongoSessionStorePart<Index extends string = string> {
  /**
   * How many sessions at most; 1 or more.
   *
   * @default all of them
   */
  limit?: number | undefined
  /**
   * Where the part before has ended: its `next`. It holds no session id, and may be sent to a browser; any
   * other text is a `TypeError` with the code `ERR_STORE_FILTER`. Filter and `sort` have to be the same for
   * all parts of a list.
   */
  after?: string | undefined
  /**
   * By what the sessions are sorted: one field, ascending (`1`) or descending (`-1`), and sessions that are
   * alike by their ids. It is a name of the option `indexes`, or what the store keeps of every session:
   * `expires`, and with the options that store them `createdAt`, `updatedAt` and `lastSeenAt`.
   *
   * @default by their ids
   */
  sort?:
    | { readonly [Field in Index | 'expires' | 'createdAt' | 'updatedAt' | 'lastSeenAt']?: 1 | -1 }
    | undefined
}

/** Sessions of a list: all of them, or those of a part. */
export interface MongoSessionStoreEntries extends Array<MongoSessionStoreEntry> {
  /** What the next part of the list begins with, as its option `after`; undefined if there is none. */
  next?: string | undefined
}

/** A user who has live sessions. */
export interface MongoSessionStoreUserSessions {
  /** The user, as a text. */
  user: string
  /** How many live sessions there are. */
  sessions: number
  /** When the last of them expires, or `null` if one never does. */
  expires: Date | null
  /** When one of them was used last; `null` without the option `device`. */
  lastSeenAt: Date | null
}

/**
 * What a failed operation ends with, unless that is a `TypeError` for an argument or for what a function
 * among the options has returned. What code of the application throws is passed on as it is: a getter or
 * `toJSON` of a session that is stored as a document, or one of the functions `ttl`, `userId` and `transformId`.
 */
export class MongoSessionStoreError extends Error {
  /**
   * `ERR_STORE_CLOSED`, `ERR_STORE_CONNECTION`, `ERR_STORE_TIMEOUT`, `ERR_STORE_SERVER`,
   * `ERR_STORE_OVERLOADED`, `ERR_STORE_SERIALIZATION`, `ERR_STORE_TOO_LARGE`, `ERR_STORE_DECRYPT`,
   * `ERR_STORE_INDEX`, `ERR_STORE_COLLATION`, `ERR_STORE_AUTO_REMOVE`, `ERR_STORE_FALLBACK`, `ERR_STORE_WATCH`,
   * `ERR_STORE_FOREIGN_DOCUMENT`, `ERR_STORE_CONFLICT`, `ERR_STORE_TOO_MANY_SESSIONS`, or `ERR_STORE_OPTION` if
   * the promise given as `client` was rejected or did not lead to a client.
   *
   * A `TypeError` has one of these instead: `ERR_STORE_FILTER` for a filter, `sort` or `after` that cannot be
   * used, `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for another argument, and `ERR_STORE_OPTION` if `ttl`,
   * `userId`, `device`, `indexes`, `absoluteTimeout`, `maxPerUser` or `transformId` returned something that cannot
   * be used, or if the call needs an option, such as `userId`, that was not given.
   */
  readonly code: MongoSessionStoreErrorCode
  /** What the network or the server said, where that is known. */
  readonly cause?: Error
  /** The error code of the MongoDB server, if it was the server that refused. */
  readonly mongoCode?: number
  /** The server's name for that code. */
  readonly mongoCodeName?: string
  /** The server's error labels. */
  readonly mongoLabels?: readonly string[]
  /**
   * For how many milliseconds the store sends nothing to the server: calling again before is of no use. Only
   * where a call has ended with `ERR_STORE_OVERLOADED`.
   */
  readonly retryAfter?: number
}

/** The codes of a {@link MongoSessionStoreError}. */
export type MongoSessionStoreErrorCode =
  | 'ERR_STORE_AUTO_REMOVE'
  | 'ERR_STORE_CLOSED'
  | 'ERR_STORE_COLLATION'
  | 'ERR_STORE_CONFLICT'
  | 'ERR_STORE_CONNECTION'
  | 'ERR_STORE_DECRYPT'
  | 'ERR_STORE_FALLBACK'
  | 'ERR_STORE_FOREIGN_DOCUMENT'
  | 'ERR_STORE_INDEX'
  | 'ERR_STORE_OPTION'
  | 'ERR_STORE_OVERLOADED'
  | 'ERR_STORE_SERIALIZATION'
  | 'ERR_STORE_SERVER'
  | 'ERR_STORE_TIMEOUT'
  | 'ERR_STORE_TOO_LARGE'
  | 'ERR_STORE_TOO_MANY_SESSIONS'
  | 'ERR_STORE_WATCH'

/**
 * What names a user: a string that is not empty, an integer (a bigint, or a `Long` or `Int32` of bson, too), or
 * an ObjectId. They are the same user if their texts are the same: `17` and `'17'`.
 */
export type MongoSessionStoreUser =
  | string
  | number
  | bigint
  | { readonly _bsontype: 'ObjectId' | 'ObjectID' | 'Long' | 'Int32'; toString(): string }

/** The methods of a {@link MongoSessionStore} that are counted. */
export type MongoSessionStoreVerb =
  | 'get'
  | 'set'
  | 'touch'
  | 'destroy'
  | 'all'
  | 'length'
  | 'clear'
  | 'flagDeletion'
  | 'cleanup'
  | 'ids'
  | 'entries'
  | 'scan'
  | 'find'
  | 'count'
  | 'users'
  | 'sessionsOf'
  | 'destroyByUser'
  | 'destroyMany'
  | 'update'
  | 'renew'
  | 'take'
  | 'devices'
  | 'revoke'
  | 'revokeOthers'
  | 'ping'
  | 'close'

/** How long the calls of a method took that were answered within the last minute. */
export interface MongoSessionStoreLatency {
  /** How many there were. */
  count: number
  /** Half of them took no longer, in milliseconds; to a sixteenth, as the others. 0 without calls. */
  p50: number
  /** Nine of ten. */
  p90: number
  /** 99 of a hundred. */
  p99: number
  /** The longest. */
  max: number
}

/**
 * What a store has done since it was made. Counts only rise; what is said to be of the present, or of the
 * last minute, goes up and down.
 */
export interface MongoSessionStoreStats {
  /** Calls that have ended, by method. Of `scan`, each page is one. */
  calls: Record<MongoSessionStoreVerb, { succeeded: number; failed: number }>
  /**
   * Calls that have failed, by the code of their error; `application` for errors that functions of the
   * application have thrown.
   */
  failures: Partial<Record<string, number>>
  /** Calls of `get` that have found a session. */
  hits: number
  /** Calls of `get` that have found none. */
  misses: number
  /** Saves of sessions that had been destroyed, which were dropped. */
  discards: number
  /**
   * Touches that were not sent or let go: they would have moved the expiry by too little (`touchAfter`), or the
   * server was overloaded.
   */
  touchesSkipped: number
  /** Calls that have not ended, at present. */
  inFlight: number
  /** Requests that wait for a command at present. Calls that mean the same are one request. */
  queued: number
  /**
   * Commands by their name in MongoDB, of those that were sent: how many, how many of them were not answered
   * or with an error, and how many calls they carried together. Empty in memory.
   */
  commands: Partial<Record<string, { sent: number; failed: number; calls: number }>>
  /** Commands that were sent again because the first attempt had failed. */
  retries: number
  /** Reads that were sent a second time, on another connection, because the first one was late. */
  hedgedReads: number
  /**
   * Connections at present. `open` are those to all servers; stores of one process that lead to the same
   * servers in the same way share them. `inUse` are those that carry a command of this store, and `waiting` its
   * commands that wait for one.
   */
  connections: { open: number; inUse: number; waiting: number }
  /** The fastest round trip of late, in milliseconds; `null` while none is known, and in memory. */
  roundTrip: number | null
  /** How often no server could be reached, for how many milliseconds altogether, and whether that is so now. */
  outages: { count: number; duration: number; isOut: boolean }
  /**
   * From the call until its answer is handed to the event loop. What the event loop itself and functions of
   * the application take is not in it.
   */
  latency: Record<'get' | 'set' | 'touch' | 'destroy', MongoSessionStoreLatency>
}

/** Called once when an operation has ended. */
export type Callback<Result extends unknown[] = []> = (error: any, ...result: Result) => void

/** Events of {@link MongoSessionStore} and their arguments. */
export interface MongoSessionStoreEvents {
  /** The store reached its server, for the first time or after an outage, or is being closed. */
  info: [message: string]
  /** The server is reached, for the first time or again. */
  connect: []
  /** No server can be reached any more; only with `whenDown: 'skip'`. */
  disconnect: []
  /** Something failed that no operation waits for: no server can be reached any more. */
  error: [error: MongoSessionStoreError]
  /**
   * Something that stops no session but should be mended, such as an index that is refused, sessions
   * that `all` or another list has left out because they cannot be decrypted, or a start without a
   * server (`fallbackMemory`). Or a session was not saved, for what it holds or for what a function among the
   * options has done; of each kind once.
   */
  warning: [error: MongoSessionStoreError]
  /** A session was saved after it had been destroyed; the save was dropped. */
  discard: [sid: string]
  /** A session was asked for by an id that it was given up for a new one, longer ago than the time of grace. */
  reuse: [sid: string]
  /**
   * Somebody has ended a session, in this process or another one: destroyed, flagged, revoked, cleared, or with its
   * collection. Only with `watch`. One that is given a new id goes on; its former ids are told when it ends.
   */
  revoked: [session: MongoSessionStoreEndedSession]
  /**
   * The time of a session was up, and its document was removed. Only with `watch`. A session of which this process has
   * seen no write is `revoked` however it has ended.
   */
  expired: [session: MongoSessionStoreEndedSession]
  /** A `set`, or a move from the `previousStore`, has created the document of a session. */
  create: [sid: string]
  /** A `set`, an `update` or a `take` has changed the document of a session. */
  update: [sid: string]
  /** A session was saved or moved in; after `create` or `update`, and never for one that was discarded. */
  set: [sid: string, session: SessionData]
  /** A session was touched. It may have been gone already. */
  touch: [sid: string, session: SessionData]
  /** A session was destroyed. It may have been gone already. */
  destroy: [sid: string]
  /** A session was read; `null` if there is none. The same object that the caller gets. */
  get: [sid: string, session: SessionData | null]
  /** All sessions were read. The same array that the caller gets. */
  all: [sessions: SessionData[]]
}

/**
 * Keeps express-session's sessions in MongoDB. Every method but `scan`, `users`, `authenticated`, `isFresh`, `idOf`
 * and `stats` takes a callback; without one it returns a promise. An operation that fails ends with a
 * {@link MongoSessionStoreError}, or with a `TypeError` if an argument cannot be used. A rejection that nobody
 * awaits does not end the process; if the arguments were wrong, it is a warning of the process.
 */
export class MongoSessionStore<Index extends string = never> extends Store {
  /**
   * Opens a store, which connects by itself: a server that cannot be reached is no error here. An option that does
   * not exist or cannot be used is a `TypeError` with the code `ERR_STORE_OPTION` that names it.
   */
  constructor(options?: MongoSessionStoreOptions<Index>)

  /** Name of the collection in use. */
  readonly collectionName: string
  /** Prefix in use. */
  readonly prefix: string
  /** Lifetime in use: milliseconds, or the function that was given. */
  readonly ttl: number | ((session: SessionData) => number)
  /** Whether the TTL index is created. */
  readonly createTTLIndex: boolean
  /** Whether the server can be reached, as far as is known, and the store is not closed. */
  readonly connected: boolean

  /** Reads a session: `null` if there is none or it has expired. */
  get(sid: string): Promise<SessionData | null>
  /** As koa-session calls it. */
  get(
    sid: string,
    maxAge: number | 'session' | undefined,
    options?: object,
  ): Promise<SessionData | null>
  get(sid: string, callback: Callback<[session?: SessionData | null]>): void

  /**
   * Saves a session. Of one that this store has loaded, what has changed since is written (see the option `save`);
   * if it was destroyed meanwhile, nothing is, and the store emits `discard`. Any other is created, or replaces what
   * has its id.
   */
  set(sid: string, session: SessionData): Promise<void>
  /**
   * As koa-session calls it, for sessions without a cookie: `maxAge` is the lifetime in milliseconds; with
   * `'session'` the `ttl` counts. A function as `ttl` decides all the same.
   */
  set(sid: string, session: object, maxAge: number | 'session', options?: object): Promise<void>
  set(sid: string, session: SessionData, callback: Callback | undefined): void

  /**
   * Moves the expiry of a session, and stores its cookie if that has changed since it was read. Does nothing if
   * there is no such session.
   */
  touch(sid: string, session: SessionData): Promise<void>
  touch(sid: string, session: SessionData, callback: Callback | undefined): void

  /** Deletes a session, or flags it as deleted (see the option `deleteFlags`). Does nothing if there is none. */
  destroy(sid: string): Promise<void>
  /** As koa-session calls it. */
  destroy(sid: string, options: { ctx: unknown }): Promise<void>
  destroy(sid: string, callback: Callback | undefined): void

  /**
   * Changes a session so that no change is lost, its own or that of others: reads it, has `change` change the
   * object, and writes that only if the session still is what was read; otherwise it begins anew, so that
   * `change` may be called several times, and must not be async. Returns the session as it was written, or
   * `null` if there is none. The expiry stays as it is, unless `change` changes the cookie. Fails with the
   * code `ERR_STORE_CONFLICT` after 100 attempts.
   */
  update(sid: string, change: (session: SessionData) => void): Promise<SessionData | null>
  update(
    sid: string,
    change: (session: SessionData) => void,
    callback: Callback<[session?: SessionData | null]>,
  ): void

  /**
   * Removes a top-level key from a session and returns what it held, which nobody else gets; undefined if it
   * is not there. For tokens of one use. Fails with the code `ERR_STORE_CONFLICT` after 100 attempts.
   */
  take(sid: string, key: string): Promise<any>
  take(sid: string, key: string, callback: Callback<[value?: any]>): void

  /**
   * Gives the session of a request a new id, in one atomic step, and `req` with it; the response sets its cookie.
   * For `grace` milliseconds, 30 000 without it, requests with the old id, which are under way, read and save
   * the same session, in whatever process. After that the old id is dead, and a read with it emits `reuse`. A
   * log-out by either id ends both. Returns false, and changes nothing, if the session is gone, was never saved, or
   * has just been given a new id by another request. At a log-in, where the old id may be known to somebody else,
   * `req.session.regenerate` or a `grace` of 0. Needs the option `deleteFlags`, in every process.
   */
  renew(
    req: { session: Partial<SessionData>; sessionID: string },
    options?: { grace?: number | undefined },
  ): Promise<boolean>
  renew(
    req: { session: Partial<SessionData>; sessionID: string },
    options: { grace?: number | undefined } | undefined,
    callback: Callback<[renewed?: boolean]>,
  ): void
  renew(
    req: { session: Partial<SessionData>; sessionID: string },
    callback: Callback<[renewed?: boolean]>,
  ): void

  /**
   * Takes note in a session, as `authenticatedAt`, that its user has just proved who they are: at the log-in,
   * and whenever they are asked again.
   */
  authenticated(session: Partial<SessionData>): void

  /**
   * Whether the user of a session has proved who they are ({@link MongoSessionStore.authenticated}) at most so many
   * milliseconds ago; `false` if never.
   */
  isFresh(session: Partial<SessionData> | null | undefined, milliseconds: number): boolean

  /**
   * What lists and the events `revoked` and `expired` have for a session id: the session id itself, unless
   * `hashIds` or `transformId` put something else in its place. Returns at once.
   */
  idOf(sid: string): string

  /** Reads all sessions of the prefix that have not expired, but for those that cannot be decrypted. */
  all(): Promise<SessionData[]>
  all(callback: Callback<[sessions?: SessionData[] | null]>): void

  /** Counts the sessions of the prefix that have not expired. */
  length(): Promise<number>
  length(callback: Callback<[length?: number]>): void

  /** Deletes all sessions of the prefix, or flags them as deleted (see the option `deleteFlags`). */
  clear(): Promise<void>
  clear(callback: Callback | undefined): void

  /**
   * Flags a session as deleted, or with `null` all sessions of the prefix, and returns how many
   * were flagged.
   */
  flagDeletion(sid: string | null): Promise<number>
  flagDeletion(sid: string | null, callback: Callback<[flagged?: number]>): void

  /**
   * Deletes the flagged sessions of the prefix and returns how many there were. An id that was given up (`renew`)
   * stays for as long as it leads to its session.
   */
  cleanup(): Promise<number>
  cleanup(callback: Callback<[removed?: number]>): void

  /**
   * The ids of all sessions of the prefix that have not expired. See
   * {@link MongoSessionStoreEntry.sid}.
   */
  ids(): Promise<string[]>
  ids(callback: Callback<[ids?: string[]]>): void

  /** All sessions of the prefix that have not expired, in the order of their stored ids. */
  entries(): Promise<MongoSessionStoreEntry[]>
  entries(callback: Callback<[entries?: MongoSessionStoreEntry[]]>): void

  /**
   * The same one by one, for `for await`, in bounded memory however many there are: they are read in
   * pages of about a megabyte. A session that is there all the while is met once, as long as what it is
   * sorted by does not change. With a `filter`, only those that match.
   */
  scan(
    options?: { filter?: MongoSessionStoreFilter } & MongoSessionStorePart<Index>,
  ): AsyncGenerator<MongoSessionStoreEntry, void, undefined>

  /**
   * The sessions of the prefix that match a filter and have not expired. MongoDB reads all of the
   * collection for it, unless a key of the filter is a name of the option `indexes`. With `encryption`,
   * `stringify` and `cryptoAdapter` every key has to be.
   */
  find(
    filter: MongoSessionStoreFilter,
    options?: MongoSessionStorePart<Index>,
  ): Promise<MongoSessionStoreEntries>
  find(
    filter: MongoSessionStoreFilter,
    options: MongoSessionStorePart<Index> | undefined,
    callback: Callback<[entries?: MongoSessionStoreEntries]>,
  ): void
  find(
    filter: MongoSessionStoreFilter,
    callback: Callback<[entries?: MongoSessionStoreEntries]>,
  ): void

  /**
   * Counts the sessions of the prefix that match a filter and have not expired, `{}` being all of them; with
   * a `limit` up to so many, which takes no longer than finding them.
   */
  count(filter: MongoSessionStoreFilter, options?: { limit?: number | undefined }): Promise<number>
  count(
    filter: MongoSessionStoreFilter,
    options: { limit?: number | undefined } | undefined,
    callback: Callback<[count?: number]>,
  ): void
  count(filter: MongoSessionStoreFilter, callback: Callback<[count?: number]>): void

  /**
   * Destroys the sessions of the prefix that match a filter, `{}` being all of them, and returns how
   * many there were, expired ones included.
   */
  destroyMany(filter: MongoSessionStoreFilter): Promise<number>
  destroyMany(filter: MongoSessionStoreFilter, callback: Callback<[destroyed?: number]>): void

  /**
   * The users who have sessions of the prefix that have not expired, one by one in the order of their texts,
   * in bounded memory: behind the user `after`, and at most `limit` of them. Needs the option `userId`.
   */
  users(options?: {
    after?: MongoSessionStoreUser | undefined
    limit?: number | undefined
  }): AsyncGenerator<MongoSessionStoreUserSessions, void, undefined>

  /** The sessions of a user that have not expired. Needs the option `userId`. */
  sessionsOf(user: MongoSessionStoreUser): Promise<MongoSessionStoreEntry[]>
  sessionsOf(
    user: MongoSessionStoreUser,
    callback: Callback<[entries?: MongoSessionStoreEntry[]]>,
  ): void

  /**
   * Destroys the sessions of a user, but for the one with the id `except`, and returns how many there
   * were, expired ones included. A request that still holds one of them cannot save it back. Needs the
   * option `userId`.
   */
  destroyByUser(
    user: MongoSessionStoreUser,
    options?: { except?: string | undefined },
  ): Promise<number>
  destroyByUser(
    user: MongoSessionStoreUser,
    options: { except?: string | undefined } | undefined,
    callback: Callback<[destroyed?: number]>,
  ): void
  destroyByUser(user: MongoSessionStoreUser, callback: Callback<[destroyed?: number]>): void

  /**
   * Where a user is logged in, the session first that was used last. `current` is a session id, such as
   * that of the request. Neither a session nor an id is told. Needs the options `userId` and `device`.
   */
  devices(
    user: MongoSessionStoreUser,
    options?: { current?: string | undefined },
  ): Promise<MongoSessionStoreDevice[]>
  devices(
    user: MongoSessionStoreUser,
    options: { current?: string | undefined } | undefined,
    callback: Callback<[devices?: MongoSessionStoreDevice[]]>,
  ): void
  devices(
    user: MongoSessionStoreUser,
    callback: Callback<[devices?: MongoSessionStoreDevice[]]>,
  ): void

  /**
   * Destroys the session of a user that has this handle, and returns how many there were: 0 if it is
   * nobody's, or somebody else's. Needs the options `userId` and `device`.
   */
  revoke(user: MongoSessionStoreUser, handle: string): Promise<number>
  revoke(
    user: MongoSessionStoreUser,
    handle: string,
    callback: Callback<[destroyed?: number]>,
  ): void

  /**
   * Destroys the sessions of a user but for the one with this session id, and returns how many there were:
   * `destroyByUser` where the id may not be missing. Needs the option `userId`.
   */
  revokeOthers(user: MongoSessionStoreUser, sid: string): Promise<number>
  revokeOthers(
    user: MongoSessionStoreUser,
    sid: string,
    callback: Callback<[destroyed?: number]>,
  ): void

  /** Asks the server for a sign of life; fails when none comes. For health checks. */
  ping(): Promise<void>
  ping(callback: Callback | undefined): void

  /** What the store has done so far. Costs no command, and can be called at any time, after `close` as well. */
  stats(): MongoSessionStoreStats

  /**
   * Ends the store when the operations in flight have ended, each within `operationTimeout`. Every later operation
   * fails with the code `ERR_STORE_CLOSED`, so close the HTTP server first. May be called again.
   */
  close(): Promise<void>
  close(callback: Callback | undefined): void

  /** Listens to an event of {@link MongoSessionStoreEvents}. */
  on<Name extends keyof MongoSessionStoreEvents>(
    event: Name,
    listener: (...args: MongoSessionStoreEvents[Name]) => void,
  ): this
  on(event: string | symbol, listener: (...args: any[]) => void): this
  /** Listens to an event of {@link MongoSessionStoreEvents} until it comes for the first time. */
  once<Name extends keyof MongoSessionStoreEvents>(
    event: Name,
    listener: (...args: MongoSessionStoreEvents[Name]) => void,
  ): this
  once(event: string | symbol, listener: (...args: any[]) => void): this
  /** Stops listening to an event of {@link MongoSessionStoreEvents}. */
  off<Name extends keyof MongoSessionStoreEvents>(
    event: Name,
    listener: (...args: MongoSessionStoreEvents[Name]) => void,
  ): this
  off(event: string | symbol, listener: (...args: any[]) => void): this
  /** Emits an event, of {@link MongoSessionStoreEvents} or another one, and returns whether anybody listens. */
  emit<Name extends keyof MongoSessionStoreEvents>(
    event: Name,
    ...args: MongoSessionStoreEvents[Name]
  ): boolean
  emit(event: string | symbol, ...args: any[]): boolean
}

export default MongoSessionStore
