// How sessions end.
import { GOES_ON, startProgress } from './progress.mjs'
import { SIMPLE, idOf, pages, written } from './sessions.mjs'

/** Ends what matches, a page at a time. */
export async function endAll(collection, filter, total, output) {
  const progress = await startProgress(output, 'ending', total)
  let ended = 0
  try {
    for await (const page of pages(collection, { filter, projection: {} })) {
      const ids = page.map((document) => idOf(collection, document))
      ended += await end(collection, ids, filter)
      progress.advance(page.length)
    }
  } catch (error) {
    output.note(GOES_ON)
    throw error
  } finally {
    progress.stop()
  }
  return ended
}

/** Deletes these documents, or flags them where the store flags, if the condition still holds; answers how many. */
async function end(collection, ids, condition = {}) {
  const { layout } = collection
  const q = { $and: [{ [layout.id]: { $in: ids } }, condition] }
  const common = { ordered: false }
  if (layout.deleteFlags) {
    // Until then a request that still holds one of them cannot save it back.
    const moment = new Date(Date.now() + (layout.lifetimeMs === 0 ? layout.deleteGraceMs : 0))
    const u = { $set: { [layout.deleted]: true, [layout.moment]: moment } }
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
