'use strict'
// Lists of sessions, which come in pages.

const { encodeFilter } = require('./filter.cjs')
const { Part } = require('./place.cjs')
const { isTooMuch, laterTurn } = require('./turns.cjs')

/** How many slots an entry takes: id, moment of its expiry, five for the session, what it is sorted by. */
const ENTRY_SLOTS = 8

/** How many documents the first page may have, where nothing says how large they are. */
const FIRST_PAGE = 100

/**
 * What is listed, as the addon takes it. Of `user` and `filter` one is given at most, the latter to
 * `method`; without either, all sessions are.
 */
class List {
  constructor({ user, filter, method = 'find', idsOnly = false, sessionsOnly = false, part } = {}) {
    const { text, specials } = filter === undefined ? {} : encodeFilter(method, filter)
    this.part = part ?? new Part(method)
    Object.assign(this, { user, text, specials, idsOnly, sessionsOnly, method })
  }

  /** The verb that the addon has for it in errors. */
  get operation() {
    if (this.user !== undefined) return this.method === 'devices' ? this.method : 'sessionsOf'
    if (this.text !== undefined) return 'find'
    if (this.sessionsOnly) return 'all'
    return this.idsOnly ? 'ids' : 'scan'
  }

  #entry(slots, at, session) {
    if (this.sessionsOnly) return session
    const entry = this.operation === 'devices' ? entryWithMetadata : entryOf
    return entry(slots, at, session)
  }

  /**
   * The page that an answer of the addon holds: entries, sessions or ids, where each is, and what the next
   * page needs. `read` makes the session of slots, a position and a verb, or a promise of it.
   */
  async page(slots, { after, most, value }, read) {
    const entries = []
    const places = []
    // Taking over one that is large was this turn's work.
    if (slots.length > FIRST_PAGE * ENTRY_SLOTS) await laterTurn()
    for (let at = 0; at < slots.length; at += ENTRY_SLOTS) {
      if (this.idsOnly) {
        entries.push(slots[at])
        continue
      }
      try {
        while (isTooMuch(slots[at + 2].length)) await laterTurn()
        const promised = read(slots, at + 2, this.operation)
        // Most are there at once.
        const session = promised instanceof Promise ? await this.#decrypted(promised) : promised
        entries.push(this.#entry(slots, at, session))
        if (this.part.limit !== undefined) places.push({ sid: slots[at], value: slots[at + 7] })
      } catch (error) {
        throwIfLate(error)
      }
    }
    const next = after === undefined ? undefined : this.part.next(value, after, most)
    return { entries, places, next }
  }

  async #decrypted(promised) {
    this.waitsFor = "the option 'cryptoAdapter.decrypt'"
    try {
      return await promised
    } finally {
      this.waitsFor = undefined
    }
  }
}

function entryOf(slots, at, session) {
  const expires = slots[at + 1]
  return { sid: slots[at], session, expires: expires === undefined ? null : new Date(expires) }
}

/** The same with what the document says about the session, which is not for the application. */
function entryWithMetadata(slots, at, session) {
  return { ...entryOf(slots, at, session), metadata: slots[at + 6] }
}

/** One that cannot be read must not hide the others; `get` fails with it. One that is late does. */
function throwIfLate(error) {
  if (error?.code === 'ERR_STORE_TIMEOUT') throw error
}

/**
 * The pages of a list, each read when the one before has been used up. `wanted` says how many entries still
 * are.
 */
async function* pages(first, readPage, wanted = () => Infinity) {
  let place = first
  while (place !== undefined) {
    const most = Math.min(place.most ?? FIRST_PAGE, wanted())
    const page = await readPage({ ...place, most })
    yield page
    place = page.next
  }
}

/** The entries of a list, one by one. */
async function* walk({ part, first }, readPage) {
  let left = part.limit ?? Infinity
  for await (const { entries } of pages(first, readPage, () => left)) {
    for (const entry of entries) {
      yield entry
      if (--left === 0) return
    }
  }
}

/** The entries of a list, all together; or those of a part, which knows as `next` where the next one begins. */
async function collect({ part, first }, readPage) {
  const { limit } = part
  if (limit !== undefined) return collectPart(part, first, readPage)
  const all = []
  for await (const { entries } of pages(first, readPage)) {
    for (const entry of entries) all.push(entry)
  }
  return all
}

/** One more is read, to know whether there is one and to tell it from the last. */
async function collectPart(part, first, readPage) {
  const { limit } = part
  const all = []
  const places = []
  for await (const page of pages(first, readPage, () => limit + 1 - all.length)) {
    all.push(...page.entries)
    places.push(...page.places)
    if (all.length > limit) break
  }
  if (all.length <= limit) return all
  all.length = limit
  return Object.assign(all, { next: part.cursor(places[limit - 1], places[limit]) })
}

module.exports = { List, collect, walk }
