// `stats`: how many sessions there are, how old and how large, and what makes them large.
import { Output, bytes, duration } from '../output.mjs'
import { startProgress } from '../progress.mjs'
import { count, expiryOf, pages } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addStats(program) {
  const command = program
    .command('stats')
    .summary('counts, ages, sizes, the largest keys')
    .description('count sessions; show their ages and sizes by percentile, and their largest keys')
  takesStore(command).action((options) => stats(options, new Output(options)))
}

/** Keys come from the data: there may be any number of them. */
const MOST_KEYS = 10_000
const SHOWN_KEYS = 10

async function stats(options, output) {
  const collection = await openCollection(options)
  const figures = new Figures(collection.layout)
  const progress = await startProgress(output, 'reading', await count(collection))
  try {
    for await (const page of pages(collection, { projection: projectionOf(collection) })) {
      for (const document of page) figures.add(collection.parse(document))
      progress.advance(page.length)
    }
  } finally {
    progress.stop()
  }
  const found = figures.found()
  await output.record(found)
  if (!output.isJson) await print(found, output)
  await collection.close()
}

/** Of each document its size and those of the keys of its session; the values stay on the server. */
function projectionOf({ layout }) {
  const session = `$${layout.session}`
  const sizes = {
    $map: {
      input: { $objectToArray: session },
      in: { k: '$$this.k', size: { $bsonSize: { v: '$$this.v' } } },
    },
  }
  return {
    [layout.moment]: 1,
    [layout.deleted]: 1,
    createdAt: 1,
    userId: 1,
    size: { $bsonSize: '$$ROOT' },
    type: { $type: session },
    keys: { $cond: [{ $eq: [{ $type: session }, 'object'] }, sizes, []] },
  }
}

class Figures {
  #layout
  #now = Date.now()
  #counts = { alive: 0, expired: 0, flagged: 0, withUser: 0, documents: 0, texts: 0, others: 0 }
  #sizes = new Percentiles()
  #left = new Percentiles()
  #ages = new Percentiles()
  #keys = new Map()

  constructor(layout) {
    this.#layout = layout
  }

  add(document) {
    const { deleted } = this.#layout
    const at = expiryOf(this.#layout, document)?.getTime() ?? Infinity
    const counts = this.#counts
    if (document[deleted] === true) counts.flagged++
    else if (at <= this.#now) counts.expired++
    else {
      counts.alive++
      if (at !== Infinity) this.#left.add(at - this.#now)
      if (document.createdAt instanceof Date) this.#ages.add(this.#now - document.createdAt)
    }
    if (document.userId !== undefined) counts.withUser++
    if (document.type === 'object') counts.documents++
    else if (document.type === 'string') counts.texts++
    else counts.others++
    this.#sizes.add(document.size)
    for (const { k, size } of document.keys ?? []) this.#addKey(k, size)
  }

  #addKey(name, size) {
    if (!this.#keys.has(name) && this.#keys.size >= MOST_KEYS) return
    const key = this.#keys.get(name) ?? { sessions: 0, bytes: 0, largest: 0 }
    // Less the document, the name and the type that $bsonSize has counted around the value.
    const own = size - 8
    this.#keys.set(name, {
      sessions: key.sessions + 1,
      bytes: key.bytes + own,
      largest: Math.max(key.largest, own),
    })
  }

  found() {
    const largest = [...this.#keys].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, SHOWN_KEYS)
    return {
      sessions: this.#counts,
      bytes: this.#sizes.summary(),
      ageMs: this.#ages.summary(),
      expiresInMs: this.#left.summary(),
      largestKeys: largest.map(([key, { sessions, bytes, largest }]) => ({
        ...{ key, sessions, bytes, largest },
        average: Math.round(bytes / sessions),
      })),
    }
  }
}

/** Percentiles of any number of values, to one part in a hundred, in memory of fixed size. */
export class Percentiles {
  #buckets = new Map()
  #count = 0
  #sum = 0
  #least = Infinity
  #most = -Infinity

  add(value) {
    const bucket = value < 1 ? 0 : Math.ceil(Math.log(value) / Math.log(1.02))
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    this.#count++
    this.#sum += value
    this.#least = Math.min(this.#least, value)
    this.#most = Math.max(this.#most, value)
  }

  /** Null without any value. */
  summary() {
    if (this.#count === 0) return null
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((part) => Math.round(this.#at(part)))
    return { total: this.#sum, least: this.#least, p50, p90, p99, most: this.#most }
  }

  #at(part) {
    let left = Math.ceil(this.#count * part)
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      left -= count
      const middle = bucket === 0 ? 0 : 1.02 ** (bucket - 0.5)
      if (left <= 0) return Math.min(this.#most, Math.max(this.#least, middle))
    }
    return this.#most
  }
}

async function print({ sessions, bytes: sizes, ageMs, expiresInMs, largestKeys }, output) {
  const { alive, expired, flagged, withUser, documents, texts, others } = sessions
  await output.line(`sessions    ${alive} alive, ${expired} expired, ${flagged} flagged as deleted`)
  await output.line(`of a user   ${withUser}`)
  await output.line(`stored as   ${documents} documents, ${texts} texts, ${others} neither`)
  await output.line(`size        ${summary(sizes, bytes)}`)
  if (sizes !== null) await output.line(`all         ${bytes(sizes.total)}`)
  await output.line(
    `age         ${ageMs === null ? 'not known without the option timestamps' : summary(ageMs, duration)}`,
  )
  await output.line(`expires in  ${summary(expiresInMs, duration)}`)
  if (largestKeys.length === 0) return
  await output.line()
  const rows = largestKeys.map((key) => [
    ...[key.key, key.sessions, bytes(key.bytes), bytes(key.average), bytes(key.largest)],
  ])
  await output.table(['largest keys', 'sessions', 'all', 'average', 'largest'], rows)
}

function summary(found, shown) {
  if (found === null) return '-'
  const { p50, p90, p99, most } = found
  return `${shown(p50)} median, ${shown(p90)} p90, ${shown(p99)} p99, ${shown(most)} most`
}
