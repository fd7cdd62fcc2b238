// The documents of a collection, page by page, and how single ones are named.
import { createHash } from 'node:crypto'
import { EXIT, Failure, misuse } from './failure.mjs'
import { finishPages, startProgress, stopIfInterrupted } from './progress.mjs'

/** Ids are compared byte by byte, whatever the collection's default collation is. */
export const SIMPLE = { locale: 'simple' }

/** How many documents a page has at most, and about how many bytes. */
const MOST = 1000
const MOST_BYTES = 2 * 1024 * 1024

/** How many characters of a handle are shown: enough for millions of sessions. */
const SHOWN = 12
const LEAST = 6

/**
 * What a session is called on a screen: the beginning of a hash of what is stored as its id. A session id is a
 * live credential; of this nobody can make one.
 */
export function handleOf(storedId) {
  return hashOf(storedId).slice(0, SHOWN)
}

function hashOf(storedId) {
  return createHash('sha256').update(`handle\0${storedId}`).digest('hex')
}

/** The condition that a document belongs to the prefix. */
export function inPrefix({ prefix, layout }, after) {
  const range = after === undefined ? { $gte: prefix } : { $gt: after }
  if (layout.prefixEnd !== null) range.$lt = layout.prefixEnd
  return { [layout.id]: range }
}

/** Conditions for sessions that `get` would find, as far as a query can say that. */
export function alive({ layout }, now = Date.now()) {
  const ended = new Date(now - layout.lifetimeMs)
  return { [layout.moment]: { $not: { $lte: ended } }, ...unended({ layout }) }
}

/** What the TTL index is for: `expireAfter` keeps what has expired. A document without a moment never does. */
export function expired({ layout }, now = Date.now()) {
  return { [layout.moment]: { $lte: new Date(now - layout.expireAfterSeconds * 1000) } }
}

/**
 * Until when a document says that its session lives, a Date; null where it says no end. Of several dates the
 * earliest counts, as for the store and for MongoDB's TTL index.
 */
export function expiryOf({ moment, lifetimeMs }, document) {
  const times = [document[moment]].flat().filter((value) => value instanceof Date)
  if (times.length === 0) return null
  return new Date(Math.min(...times) + lifetimeMs)
}

/** What is a session, as far as a query can say that, and is not flagged: others may keep documents here, too. */
export function unended({ layout }) {
  return { ...isSession({ layout }), [layout.deleted]: { $ne: true } }
}

/** The same, flagged or not. */
export function isSession({ layout }) {
  return { [layout.session]: { $exists: true } }
}

/**
 * The documents of the prefix in the order of their ids, as arrays of bytes, with bounded memory. Ctrl-C ends them
 * between two pages, by a failure.
 */
export async function* pages(collection, { filter = {}, projection } = {}) {
  const { id } = collection.layout
  let after
  // Of what size they are is not known yet.
  let limit = projection === undefined ? 100 : MOST
  const release = finishPages()
  try {
    for (;;) {
      stopIfInterrupted()
      const documents = await collection.query({
        find: collection.collection,
        filter: { $and: [inPrefix(collection, after), filter] },
        ...(projection && { projection: { [id]: 1, ...projection } }),
        sort: { [id]: 1 },
        limit,
        singleBatch: true,
        collation: SIMPLE,
      })
      if (documents.length === 0) return
      yield documents
      after = idOf(collection, documents.at(-1))
      if (projection === undefined) limit = limitFor(documents)
    }
  } finally {
    release()
  }
}

/** How many documents the next page has, if they are as large as these. */
function limitFor(documents) {
  const size = documents.reduce((sum, { length }) => sum + length, 0) / documents.length
  return Math.max(1, Math.min(MOST, Math.floor(MOST_BYTES / size)))
}

/** What is stored as the id of a document. */
export function idOf(collection, document) {
  return collection.parse(document)[collection.layout.id]
}

/** In the document of an id that was given up for a new one, which the session has now. */
export const MOVED_TO = 'renewedTo'

/** Through how many new ids a session is followed, as by the store. */
const MOST_STEPS = 8

/** These ids, and those of all documents to which the sessions have moved that had them. */
export async function followed(collection, ids) {
  const { id } = collection.layout
  const all = new Set(ids)
  let next = [...all]
  for (let step = 0; next.length > 0 && step < MOST_STEPS; step++) {
    const documents = await collection.query({
      find: collection.collection,
      filter: { [id]: { $in: next }, [MOVED_TO]: { $type: 'string' } },
      projection: { [MOVED_TO]: 1 },
      limit: next.length,
      singleBatch: true,
      collation: SIMPLE,
    })
    next = documents.map((document) => targetOf(collection, document)).filter((to) => !all.has(to))
    for (const to of next) all.add(to)
  }
  return [...all]
}

/** What is stored as the id to which a session has moved. */
export function targetOf(collection, document) {
  return collection.parse(document)[MOVED_TO]
}

/** How many documents of the prefix match. */
export async function count(collection, filter = {}) {
  const { n } = await collection.command({
    count: collection.collection,
    query: { $and: [inPrefix(collection), filter] },
    collation: SIMPLE,
  })
  return n
}

/** The stored ids that these handles mean: each has to mean one. */
export async function idsOf(collection, handles, output) {
  for (const handle of handles) {
    if (!/^[0-9a-f]+$/.test(handle) || handle.length < LEAST) {
      throw misuse(
        `'${shortened(handle)}' is no session's handle: "list" shows them, of which ${LEAST} characters are enough`,
      )
    }
  }
  const found = new Map(handles.map((handle) => [handle, []]))
  const progress = await startProgress(output, 'looking', await count(collection))
  try {
    for await (const page of pages(collection, { projection: {} })) {
      for (const document of page) {
        const id = idOf(collection, document)
        const hash = hashOf(id)
        for (const handle of handles) if (hash.startsWith(handle)) found.get(handle).push(id)
      }
      progress.advance(page.length)
    }
  } finally {
    progress.stop()
  }
  return [...found].map(([handle, ids]) => theOne(handle, ids))
}

function theOne(handle, ids) {
  if (ids.length === 1) return ids[0]
  const message =
    ids.length === 0
      ? `there is no session ${handle}: it has been ended or removed, or is in another collection or prefix`
      : `${ids.length} sessions begin with ${handle}: give more of its characters`
  throw new Failure(EXIT.missing, 'ERR_CLI_SESSION', message)
}

/** It may be a session id that somebody has pasted. */
function shortened(text) {
  return text.length > 8 ? `${text.slice(0, 4)}…` : text
}

/** How many documents a write was about, unless the server has refused it. */
export function written(reply) {
  const [refusal] = reply.writeErrors ?? []
  const concern = reply.writeConcernError
  if (refusal !== undefined || concern !== undefined) throw refused(refusal ?? concern)
  return reply.n
}

/** The server's own words may quote a document. */
export function refused({ code, codeName }) {
  const name = codeName === undefined ? '' : `${codeName}, `
  return new Failure(
    EXIT.failed,
    'ERR_STORE_SERVER',
    `MongoDB refused a write (${name}code ${code})`,
  )
}
