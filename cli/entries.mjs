// Sessions in a list: what is known of them without looking into them.
import { misuse } from './failure.mjs'
import { count, expiryOf, handleOf } from './sessions.mjs'

/** The store writes whose a session is with the option `userId`. */
export const OWNED = { userId: { $type: 'string' } }

/** Says why there may be nothing of a user, who may be logged in all the same. */
export async function tellOfMissingUsers(collection, output) {
  if ((await count(collection, OWNED)) > 0) return
  output.note(
    'No session says whose it is: the application needs the option userId of the store, and a session counts ' +
      'from its next save on.',
  )
}

/** A limit: 0 for none. */
export function atMost(text) {
  const limit = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(limit) && limit >= 0) return limit
  throw misuse(`option '--limit' must be a whole number, got '${text}'`)
}

/** At machines there is no end, and nobody would tell them of one. */
export function limitOf({ limit, json = false }) {
  return limit ?? (json ? 0 : 100)
}

/** What is known of a session without looking into it. */
export function projectionOf({ layout }) {
  return {
    [layout.moment]: 1,
    ...{ userId: 1, userSince: 1, createdAt: 1 },
    size: { $bsonSize: '$$ROOT' },
    type: { $type: `$${layout.session}` },
  }
}

/** A session in a list. */
export function entryOf(collection, document) {
  const { layout } = collection
  const found = collection.parse(document)
  return {
    session: handleOf(found[layout.id]),
    user: found.userId ?? null,
    expires: expiryOf(layout, found),
    created: found.createdAt ?? null,
    size: found.size,
    storedAs: found.type === 'object' ? 'document' : found.type === 'string' ? 'text' : found.type,
  }
}
