import type { MongoSessionStore } from '../../index.js' with { 'resolution-mode': 'import' }

/** What koa-session takes as its option `store`. It needs nothing of `this`. */
export interface KoaSessionStore {
  /** Reads a session: `null` if there is none or it has expired. */
  get(
    sid: string,
    maxAge: number | 'session' | undefined,
    options: { ctx?: unknown },
  ): Promise<object | null>
  /**
   * Saves what differs from the session that the same request has read, and nothing if that was destroyed
   * meanwhile. `maxAge` is the lifetime in milliseconds; with `'session'` the `ttl` of the store counts.
   */
  set(
    sid: string,
    session: object,
    maxAge: number | 'session' | undefined,
    options: { ctx?: unknown },
  ): Promise<void>
  /** Deletes a session. */
  destroy(sid: string): Promise<void>
}

/**
 * A store for koa-session 6.1 and newer: requests that change different keys of a session at once do not undo
 * each other, and a session that was destroyed is not brought back by a request that was under way.
 */
export function koaSessionStore(store: MongoSessionStore): KoaSessionStore
