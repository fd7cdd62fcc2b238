import type { MongoSessionStore } from '../../index.js' with { 'resolution-mode': 'import' }

/** What `createSessionStorage` is called with. Of the cookie and of the data it knows by itself what they are. */
export interface SessionStrategy {
  cookie?: any
  createData(data: object, expires?: Date): Promise<string>
  readData(id: string): Promise<any>
  updateData(id: string, data: object, expires?: Date): Promise<void>
  deleteData(id: string): Promise<void>
}

/** A cookie of React Router, or the options of one. */
export interface SessionCookie {
  /** @default '__session' */
  name?: string
  /** What it is signed with: the first, and the others are still accepted. */
  secrets?: string[]
  /** Lifetime in seconds, of the cookie and of the session; without it the `ttl` of the store counts. */
  maxAge?: number
  expires?: Date
  domain?: string
  path?: string
  httpOnly?: boolean
  secure?: boolean
  sameSite?: boolean | 'lax' | 'strict' | 'none'
}

/** Options of {@link mongoSessionStorage}. */
export interface MongoSessionStorageOptions {
  /** The store that keeps the sessions. */
  store: MongoSessionStore
  /** The cookie with the session id. Give it `secrets` and a `maxAge`. */
  cookie?: SessionCookie
}

/**
 * Session storage that keeps the data in MongoDB. The first argument is `createSessionStorage` of `react-router`,
 * or of another package that has the same: `mongoSessionStorage(createSessionStorage<Data, Flash>, { store, cookie })`.
 * What `commitSession` writes is what differs from what `getSession` has read; it writes nothing if the session was
 * destroyed meanwhile.
 */
export function mongoSessionStorage<Storage>(
  createSessionStorage: (strategy: SessionStrategy) => Storage,
  options: MongoSessionStorageOptions,
): Storage
