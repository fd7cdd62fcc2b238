// The ways of a session from the form of another package into that of the store.
import { EXIT, Failure } from './failure.mjs'
import { FATAL, outcomeOf, update } from './rewrite.mjs'
import { SIMPLE, idOf, written } from './sessions.mjs'

/** MongoDB's code for an id that is there already. */
const DUPLICATE_KEY = 11_000

/** Within one collection, where the ids stay. */
export function convertInPlace(source, target) {
  const { layout } = source
  const isSame = layout.session === target.layout.session && layout.moment === target.layout.moment
  return {
    async judge(document) {
      if (isSame && (await isOurs(target, document))) return { outcome: 'already' }
      const read = await source.read(document)
      if (read === null) return { outcome: 'expired' }
      const statement = await target.convert(document, {
        field: layout.session,
        target: isSame ? 'field' : 'document',
        id: idOf(source, document),
        isStoredId: true,
        read,
      })
      return { statement }
    },
    write: (left) => update(source, left),
  }
}

/** Whether a document is as the store itself would have written it. */
async function isOurs(target, document) {
  try {
    const read = await target.read(document)
    if (read === null) return false
    const { session, isText } = read
    if (typeof session.cookie !== 'object' || isText === target.writesDocuments) return false
    return !target.encrypts || (await target.rekey(document)) === null
  } catch (error) {
    if (FATAL.has(error.code)) throw error
    return false
  }
}

/** Into another collection. Those of before stay where they are. */
export function copyInto(source, target) {
  return {
    prepare: (page) => present(source, target, page),
    judge: async (document, there) =>
      there.has(newIdOf(source, target, document))
        ? { outcome: 'already' }
        : judgedAsNew(source, target, document),
    async write(left) {
      const { refused } = await insert(target, left)
      return { met: left.length - refused.length, refused }
    },
  }
}

/** Which of the sessions of a page the other collection has already, by the ids there. */
async function present(source, target, page) {
  const { id } = target.layout
  const ids = page.map((document) => newIdOf(source, target, document))
  const found = await target.query({
    find: target.collection,
    filter: { [id]: { $in: ids } },
    projection: { [id]: 1 },
    limit: ids.length,
    singleBatch: true,
    collation: SIMPLE,
  })
  return new Set(found.map((document) => idOf(target, document)))
}

/** The stored id that a session gets. */
function newIdOf(source, target, document) {
  const stored = idOf(source, document).slice(source.prefix.length)
  const isStoredId = source.layout.hashIds || source.transformsIds
  return target.prefix + (isStoredId ? stored : target.storedIdOf(stored))
}

/**
 * Within one collection into documents with other ids. Of a session that is there twice, because an earlier run
 * was ended between both steps, the one counts that lives longer.
 */
export function moveWithin(source, target) {
  const { session } = source.layout
  return {
    judge: (document) => judgedAsNew(source, target, document),
    async write(left) {
      const { there, refused } = await insert(target, left)
      if (there.length > 0) await insert(target, await outlived(target, there))
      const moved = left.filter((entry) => !refused.some((other) => other.entry === entry))
      if (moved.length === 0) return { met: 0, refused }
      const removal = ({ document }) => source.removal(document, session)
      const documents = await Promise.all(moved.map(removal))
      const command = { delete: source.collection, ordered: false }
      const options = { writes: true, field: 'deletes', documents }
      return { met: written(await source.command(command, options)), refused }
    },
  }
}

async function judgedAsNew(source, target, document) {
  const read = await source.read(document)
  if (read === null) return { outcome: 'expired' }
  const stored = idOf(source, document).slice(source.prefix.length)
  // What stands for an id cannot become another thing that stands for it.
  const isStoredId = source.layout.hashIds || source.transformsIds
  const statement = await target.convert(document, {
    field: source.layout.session,
    target: 'new',
    id: isStoredId ? target.prefix + stored : stored,
    isStoredId,
    read,
  })
  return { statement }
}

/** Inserts new documents, and answers those whose id is `there` already and those that were `refused`. */
async function insert(target, left) {
  if (left.length === 0) return { there: [], refused: [] }
  const documents = left.map(({ statement }) => statement)
  const command = { insert: target.collection, ordered: false }
  const reply = await target.command(command, { writes: true, field: 'documents', documents })
  const { refused: errors } = outcomeOf(reply, left)
  return {
    there: errors.filter(({ code }) => code === DUPLICATE_KEY).map(({ entry }) => entry),
    refused: errors.filter(({ code }) => code !== DUPLICATE_KEY),
  }
}

/** Deletes those of which the session of before lives as long, and answers these. */
async function outlived(target, there) {
  const { id, moment } = target.layout
  const coming = there.map((entry) => ({ entry, found: target.parse(entry.statement) }))
  const existing = await target.query({
    find: target.collection,
    filter: { [id]: { $in: coming.map(({ found }) => found[id]) } },
    projection: { [id]: 1, [moment]: 1 },
    limit: coming.length,
    singleBatch: true,
    collation: SIMPLE,
  })
  const moments = new Map(
    existing.map((document) => {
      const found = target.parse(document)
      return [found[id], found[moment]]
    }),
  )
  if (coming.some(({ found }) => !moments.has(found[id]))) {
    throw new Failure(
      EXIT.failed,
      'ERR_CLI_INDEX',
      'a unique index of the other package refuses documents without its field: name another --collection, ' +
        'or drop that index',
    )
  }
  const older = coming.filter(({ found }) => !(moments.get(found[id]) > found[moment]))
  const deletes = older.map(({ found }) => ({
    q: { [id]: found[id], [moment]: moments.get(found[id]) },
    limit: 1,
  }))
  if (deletes.length > 0) {
    written(await target.command({ delete: target.collection, deletes }, { writes: true }))
  }
  return older.map(({ entry }) => entry)
}
