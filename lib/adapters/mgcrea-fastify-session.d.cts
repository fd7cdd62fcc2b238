import type { MongoSessionStore } from '../../index.js' with { 'resolution-mode': 'import' }

/** What @mgcrea/fastify-session takes as its option `store`. It needs nothing of `this`. */
export interface FastifySessionStore {
  /** Reads a session, and when it expires, in milliseconds of a Date: `null` if there is none or it has expired. */
  // The fields are the application's.
  get(sid: string): Promise<[Record<string, any>, number | null] | null>
  /**
   * Saves what differs from the session that the same request has read, and nothing if that was destroyed
   * meanwhile. Without an expiry the `ttl` of the store counts. A key `cookie` is refused.
   */
  set(sid: string, session: object, expiry?: number | null): Promise<void>
  /** Moves the expiry of a session, never back, and does nothing if there is none. */
  touch(sid: string, expiry?: number | null): Promise<void>
  /** Deletes a session. */
  destroy(sid: string): Promise<void>
}

/**
 * A store for @mgcrea/fastify-session 2 and newer: requests that change different keys of a session at once do not
 * undo each other, and a session that was destroyed is not brought back by a request that was under way.
 */
export function fastifySessionStore(store: MongoSessionStore): FastifySessionStore
