import type { MongoSessionStore } from '../../index.js' with { 'resolution-mode': 'import' }

/** What better-auth takes as its option `secondaryStorage`. It needs nothing of `this`. */
export interface SecondaryStorage {
  /** The text under a key: `null` if there is none or it has expired. */
  get(key: string): Promise<string | null>
  /** Stores a text for `ttl` seconds, or for good. Writes nothing under the token of a session that was deleted. */
  set(key: string, value: string, ttl?: number | undefined): Promise<void>
  /** Deletes a text. A session that is deleted by its token cannot be stored under it again. */
  delete(key: string): Promise<void>
  /** Answers a text and removes it, in one step: nobody else gets it. */
  getAndDelete(key: string): Promise<string | null>
  /** Counts one more, and returns how many: the first one begins a time of `ttl` seconds. */
  increment(key: string, ttl: number): Promise<number>
}

/**
 * Secondary storage for better-auth. A TypeError with the code `ERR_STORE_OPTION` for a store with an option that does
 * not go with it: `deleteFlags`, `touchOnGet`, `absoluteTimeout`, `assurance`, or a function as `ttl`.
 */
export function secondaryStorage(store: MongoSessionStore): SecondaryStorage
