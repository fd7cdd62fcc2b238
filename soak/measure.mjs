// What is measured: how long calls take, and what a process holds.
import { readdirSync } from 'node:fs'

/** A bucket ends five per cent above where it begins. */
const STEP = Math.log(1.05)

/** How often each duration was seen; takes the same room however long it runs. */
export class Latencies {
  /** Changes whenever calls before and after must not be compared. NaN, unlike itself, is never. */
  epoch = NaN
  #verbs = new Map()

  /** Counts a call that took so many microseconds. */
  record(verb, us) {
    this.add([[verb, [[Math.floor(Math.log(Math.max(us, 1)) / STEP), 1]]]])
  }

  /** Adds what another process has counted. */
  add(entries) {
    for (const [verb, buckets] of entries) {
      if (!this.#verbs.has(verb)) this.#verbs.set(verb, new Map())
      const counts = this.#verbs.get(verb)
      for (const [bucket, count] of buckets) counts.set(bucket, (counts.get(bucket) ?? 0) + count)
    }
  }

  entries() {
    return [...this.#verbs].map(([verb, counts]) => [verb, [...counts]])
  }

  /** Of each verb how many calls there were, and in how many milliseconds most of them were done. */
  summary() {
    return [...this.#verbs].map(([verb, counts]) => {
      const total = [...counts.values()].reduce((sum, count) => sum + count)
      return { verb, total, p50: quantile(counts, total, 0.5), p99: quantile(counts, total, 0.99) }
    })
  }
}

function quantile(counts, total, share) {
  let seen = 0
  for (const [bucket, count] of [...counts].sort(([a], [b]) => a - b)) {
    seen += count
    if (seen >= total * share) return Math.exp((bucket + 1) * STEP) / 1e3
  }
}

/** What this process holds after garbage collection, as far as the platform tells. */
export function sample() {
  globalThis.gc?.()
  const resources = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout')
  return { rss: process.memoryUsage.rss() / 2 ** 20, handles: resources.length, fds: countFds() }
}

function countFds() {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}

/**
 * Compares the first stable quarter of samples with the last: after a fifth of the time, in which
 * heaps and pools grow to their size. `isFlat` if the median has grown by no more than `share` of
 * itself plus `slack`, or grows no more: on a busy machine they take longer to have their size, and of what is
 * lost at all times the last quarter adds a third. Undefined if there are too few samples to tell.
 */
export function compareQuarters(values, { share, slack }) {
  const stable = values.slice(Math.floor(values.length / 5)).filter((value) => value !== undefined)
  const quarter = Math.floor(stable.length / 4)
  if (quarter === 0) return undefined
  const first = median(stable.slice(0, quarter))
  const third = median(stable.slice(-2 * quarter, -quarter))
  const last = median(stable.slice(-quarter))
  const isSmall = last <= first * (1 + share) + slack
  const isOver = last - third < (last - first) / 6
  return { first, last, isFlat: quarter < 5 ? undefined : isSmall || isOver }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
