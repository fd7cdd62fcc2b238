// What is stored, as the official driver sees it.
import { BSON } from 'mongodb'

/** The document of a session as formatted JSON, or null. Of the id, its beginning: the rest is a secret. */
export async function documentOf(collection, sid) {
  const document = await collection.findOne({ _id: sid })
  if (!document) return null
  return JSON.stringify(BSON.EJSON.serialize({ ...document, _id: short(sid) }), null, 2)
}

/** As much of a session id as may be shown. */
export function short(sid) {
  return `${sid.slice(0, 6)}…`
}
