import type { MongoSessionStoreStats } from '../../index.js' with { 'resolution-mode': 'import' }

/** What has figures: a `MongoSessionStore`, or a store behind an adapter. */
export interface StoreWithStats {
  stats(): MongoSessionStoreStats
}

/** What the text is, for the header `Content-Type`. */
export const contentType: string

/**
 * The figures of a store as text for Prometheus; or of several, by the values that their label `store` is to
 * have.
 */
export function render(
  stores: StoreWithStats | { readonly [store: string]: StoreWithStats },
): string
