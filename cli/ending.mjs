// How sessions end.
import { GOES_ON, startProgress } from './progress.mjs'
import { MOVED_TO, SIMPLE, followed, idOf, pages, targetOf, written } from './sessions.mjs'

/** In the document to which a session is just moving: from where it comes. */
const FROM = 'renewedFrom'

/** How often what has moved meanwhile is looked for. */
const MOST_TIMES = 8

/** Ends what matches, a page at a time. */
export async function endAll(collection, filter, total, output) {
  return inPages(output, total, async (advance) => {
    let ended = 0
    for await (const page of pages(collection, { filter, projection: {} })) {
      ended += await end(collection, idsOf(collection, page), filter)
      advance(page.length)
    }
    return ended
  })
}

/**
 * Ends sessions, which may get new ids meanwhile. One that has moved may lie where nobody looks any more, and is
 * flagged for the last moment until it has. They are those with these ids, or all that match; `spared` are ids of
 * such as are left alone, wherever they move.
 */
export async function endSessions(collection, filter, { ids, spared, total, output }) {
  const { id, deleted } = collection.layout
  const isUnflagged = { [deleted]: { $ne: true } }
  const isThere = { $or: [isUnflagged, { [FROM]: { $type: 'string' } }] }
  const endThose = async (these) => {
    const others = await followed(collection, spared)
    const areOthers = { [id]: { $nin: others }, [FROM]: { $nin: others } }
    return end(collection, these, { $and: [filter, areOthers, isThere] })
  }
  return inPages(output, total, async (advance) => {
    if (ids !== undefined) {
      return untilNone(async () => endThose(await followed(collection, ids)))
    }
    let ended = 0
    const among = { $and: [filter, isUnflagged] }
    for await (const page of pages(collection, { filter: among, projection: {} })) {
      ended += await endThose(idsOf(collection, page))
      advance(page.length)
    }
    const moved = { filter: { [MOVED_TO]: { $type: 'string' } }, projection: { [MOVED_TO]: 1 } }
    const more = await untilNone(async () => {
      let found = 0
      for await (const page of pages(collection, moved)) {
        found += await endThose(page.map((document) => targetOf(collection, document)))
      }
      return found
    })
    return ended + more
  })
}

/** Ends again and again what has moved meanwhile, and answers how many there were. */
async function untilNone(endMore) {
  let ended = 0
  for (let time = 0; time < MOST_TIMES; time++) {
    const more = await endMore()
    ended += more
    if (more === 0) break
  }
  return ended
}

const idsOf = (collection, page) => page.map((document) => idOf(collection, document))

/** Shows how far it has got, and says at a failure that what is left can be done by the same command. */
async function inPages(output, total, work) {
  const progress = await startProgress(output, 'ending', total)
  try {
    return await work((count) => progress.advance(count))
  } catch (error) {
    output.note(GOES_ON)
    throw error
  } finally {
    progress.stop()
  }
}

/** Deletes these documents, or flags them where the store flags, if the condition still holds; answers how many. */
async function end(collection, ids, condition = {}) {
  const { layout } = collection
  const q = { $and: [{ [layout.id]: { $in: ids } }, condition] }
  const common = { ordered: false }
  if (layout.deleteFlags) {
    // Until then a request that still holds one of them cannot save it back.
    const moment = new Date(Date.now() + (layout.lifetimeMs === 0 ? layout.deleteGraceMs : 0))
    const u = {
      $set: { [layout.deleted]: true, [layout.moment]: moment },
      $unset: { [FROM]: 1 },
    }
    const update = { q, u, multi: true, collation: SIMPLE }
    return written(
      await collection.command(
        { update: collection.collection, updates: [update], ...common },
        { writes: true },
      ),
    )
  }
  const remove = { q, limit: 0, collation: SIMPLE }
  return written(
    await collection.command(
      { delete: collection.collection, deletes: [remove], ...common },
      { writes: true },
    ),
  )
}
