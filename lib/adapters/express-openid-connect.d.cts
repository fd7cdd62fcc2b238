import type { MongoSessionStore } from '../../index.js' with { 'resolution-mode': 'import' }

/** What express-openid-connect keeps of a session. */
export interface OpenidPayload {
  header: { iat: number; uat: number; exp: number }
  // Tokens, and whatever the application has put there.
  data: any
  cookie: { expires: number; maxAge: number }
}

/**
 * What express-openid-connect takes as `session.store`, and as `backchannelLogout.store`. It needs nothing of
 * `this`.
 */
export interface OpenidStore {
  /** Reads a session: `null` if there is none or it has expired. */
  get(sid: string, callback: (error: any, session?: OpenidPayload | null) => void): void
  /**
   * Saves the keys of `data` that differ from what the same request has read, and nothing if the session was
   * destroyed meanwhile. It expires at `cookie.expires`, in milliseconds of a Date.
   */
  set(
    sid: string,
    session: Pick<OpenidPayload, 'cookie'> & Partial<OpenidPayload>,
    callback?: (error?: any) => void,
  ): void
  /** Deletes a session. */
  destroy(sid: string, callback?: (error?: any) => void): void
}

/**
 * A store for express-openid-connect 2 and 3: requests that change different keys of the session at once do not
 * undo each other, and a log-out is not undone by a request that was under way. What is stored stays as
 * express-openid-connect has it. A TypeError with the code `ERR_STORE_OPTION` for a store with `deleteFlags`, with which
 * a second log-out at the provider would not be noticed.
 */
export function openidStore(store: MongoSessionStore): OpenidStore
