// Goes through the documents of a collection and writes anew those that need it, beside an application that
// saves sessions at the same time. What is done is known by what it looks like, so that it can go on anywhere.
import { EXIT, Failure } from './failure.mjs'
import { GOES_ON, startProgress } from './progress.mjs'
import { SIMPLE, count, handleOf, idOf, pages, refused as refusal } from './sessions.mjs'

/** How often a page is gone through again of which an application has changed sessions meanwhile. */
const ATTEMPTS = 5

/** How many unreadable ones are named: there may be as many as sessions. */
const MOST_NAMES = 20

/** Failures that are about the server, not about a document. */
export const FATAL = new Set([
  'ERR_STORE_CONNECTION',
  'ERR_STORE_CLOSED',
  'ERR_STORE_TIMEOUT',
  'ERR_STORE_OVERLOADED',
])

/** How many documents had which outcome. */
export class Outcomes {
  /** Those to be written, or written. */
  pending = 0
  done = 0
  /** Written again and again by others meanwhile. */
  changed = 0
  already = 0
  expired = 0
  unreadable = 0
  names = []

  /** Counts the end of a document. */
  note(collection, document, { outcome, code }) {
    this[outcome]++
    if (outcome !== 'unreadable' || this.names.length >= MOST_NAMES) return
    this.names.push({ session: handleOf(idOf(collection, document)), code })
  }

  /** What cannot be read stays as it is, and is named. */
  get unreadableText() {
    if (this.unreadable === 0) return '0'
    const named = this.names.map(({ session, code }) => `${session} (${code})`).join(', ')
    const more = this.unreadable > this.names.length ? ', …' : ''
    return `${this.unreadable}, left as they are: ${named}${more}`
  }

  get exitCode() {
    return this.unreadable > 0 || this.changed > 0 ? EXIT.problems : EXIT.done
  }
}

/**
 * Goes through a collection. `judge` answers for a document what has become of it, as `{ outcome }`, or the
 * `{ statement }` by which it is to be written. `write` carries out statements and answers how many it has `met`
 * as they were, and which of them MongoDB has `refused`; without it nothing is written. What `prepare` finds out about a page, `judge` gets as well.
 */
export async function walk(collection, { output, label, prepare, judge, write }) {
  const outcomes = new Outcomes()
  const progress = await startProgress(output, label, await count(collection))
  try {
    for await (const page of pages(collection)) {
      const known = await prepare?.(page)
      const way = { judge: (document) => judge(document, known), write }
      await rewritePage(collection, page, way, outcomes)
      progress.advance(page.length)
    }
  } catch (error) {
    if (write !== undefined) output.note(GOES_ON)
    throw error
  } finally {
    progress.stop()
  }
  return outcomes
}

async function rewritePage(collection, page, { judge, write }, outcomes) {
  let left = await judged(collection, page, judge, outcomes)
  outcomes.pending += left.length
  if (write === undefined) return
  for (let attempt = 0; left.length > 0 && attempt < ATTEMPTS; attempt++) {
    const { met, refused } = await write(left)
    for (const { entry, code } of refused) {
      outcomes.note(collection, entry.document, { outcome: 'unreadable', code: `MongoDB: ${code}` })
    }
    const taken = left.filter((entry) => !refused.some((other) => other.entry === entry))
    // Some are not as they were: saved by an application, or gone.
    const isDone = met === taken.length
    left = isDone ? [] : await judged(collection, await again(collection, taken), judge)
    outcomes.done += taken.length - left.length
  }
  outcomes.changed += left.length
}

/** The documents that are to be written, each with its statement. */
async function judged(collection, documents, judge, outcomes) {
  const judgements = await Promise.all(
    documents.map((document) => judge(document).catch((error) => failed(error))),
  )
  const left = []
  for (const [at, judgement] of judgements.entries()) {
    if (judgement.outcome === undefined) left.push({ document: documents[at], ...judgement })
    else outcomes?.note(collection, documents[at], judgement)
  }
  return left
}

function failed(error) {
  if (error instanceof Failure || FATAL.has(error.code)) throw error
  return { outcome: 'unreadable', code: error.code ?? error.name }
}

function again(collection, left) {
  const ids = left.map(({ document }) => idOf(collection, document))
  return collection.query({
    find: collection.collection,
    filter: { [collection.layout.id]: { $in: ids } },
    limit: ids.length,
    singleBatch: true,
    collation: SIMPLE,
  })
}

/** Carries out the statements of updates. */
export async function update(collection, left) {
  const command = { update: collection.collection, ordered: false }
  const documents = left.map(({ statement }) => statement)
  const options = { writes: true, field: 'updates', documents }
  return outcomeOf(await collection.command(command, options), left)
}

/** What a write answers of its statements. One that MongoDB refuses costs the others nothing. */
export function outcomeOf({ n, writeErrors = [], writeConcernError }, left) {
  if (writeConcernError !== undefined) throw refusal(writeConcernError)
  return { met: n, refused: writeErrors.map(({ index, code }) => ({ entry: left[index], code })) }
}
