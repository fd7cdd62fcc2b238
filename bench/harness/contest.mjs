// A trial: all contenders are there at once and take turns at every point, so that what else the machine
// does for more than a few seconds hits all of them alike.
import { enterHttpTrial } from './http-entrant.mjs'
import { enterStoreTrial } from './store-entrant.mjs'

export class Contest {
  #job
  #files
  #context
  /** Who has entered, by file; those who had to give up are no longer there. */
  #entrants = new Map()

  /** `context` is `{ contenders, database, timing }`. */
  constructor(job, files, context) {
    this.#job = job
    this.#files = files
    this.#context = context
  }

  /**
   * Runs all points, the highest concurrency first, which warms up soonest. Each contender has a turn
   * at each of them, another one the first in every round. Yields `{ file, point, figure, method }`, or
   * `{ file, error }`.
   */
  async *round(round) {
    const { points, fresh } = this.#job
    const turned = this.#files.map((_, at) => this.#files[(at + round) % this.#files.length])
    for (const point of points.toReversed()) {
      for (const file of turned) {
        yield await this.#attempt(file, async () => {
          const entrant = await this.#enter(file)
          const figure = await entrant.measure(point)
          if (fresh) await this.#leave(file)
          return { point, figure, method: entrant.mainThreadMethod }
        })
      }
    }
  }

  /** Has all leave. Yields `{ file, error }` of those who do not. */
  async *end() {
    for (const file of this.#entrants.keys()) {
      const left = await this.#attempt(file, () => this.#leave(file))
      if (left.error) yield left
    }
  }

  /** One that fails must not cost the figures of the others, nor run on beside them. */
  async #attempt(file, act) {
    try {
      return { file, ...(await act()) }
    } catch (error) {
      await this.#leave(file).catch(() => {})
      return { file, error }
    }
  }

  async #enter(file) {
    if (!this.#entrants.has(file)) {
      const { contenders, database, timing } = this.#context
      const { level } = this.#job
      const enter = level === 'http' ? enterHttpTrial : enterStoreTrial
      const contender = contenders.get(file)
      const context = { file, contender, database, timing: timing[level] }
      this.#entrants.set(file, await enter(this.#job, context))
    }
    return this.#entrants.get(file)
  }

  async #leave(file) {
    const entrant = this.#entrants.get(file)
    this.#entrants.delete(file)
    await entrant?.leave()
  }
}
