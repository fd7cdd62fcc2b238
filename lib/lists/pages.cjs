'use strict'
// Lists of sessions, which come in pages.

const { encodeFilter } = require('./filter.cjs')
const { typeError, unfit } = require('../error.cjs')
const { isTooMuch, laterTurn } = require('./turns.cjs')

/** How many slots an entry takes: id, moment of its expiry, five for the session. */
const ENTRY_SLOTS = 7

/**
 * What is listed, as the addon takes it. Of `user` and `filter` one is given at most, the latter to
 * `method`; without either, all sessions are.
 */
class List {
  constructor({ user, filter, method = 'find', idsOnly = false, sessionsOnly = false } = {}) {
    const { text, specials } = filter === undefined ? {} : encodeFilter(method, filter)
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
   * The page that an answer of the addon holds: entries, sessions or ids, and what the next one needs.
   * `read` makes the session of slots, a position and a verb, or a promise of it.
   */
  async page(slots, after, most, read) {
    const entries = []
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
      } catch (error) {
        throwIfLate(error)
      }
    }
    return { entries, after, most }
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

/** The pages of a list, each read when the one before has been used up. */
async function* pages(readPage) {
  let next = {}
  do {
    next = await readPage(next.after, next.most)
    yield next.entries
  } while (next.after !== undefined)
}

/** The entries of a list, one by one. */
async function* walk(readPage) {
  for await (const entries of pages(readPage)) yield* entries
}

/** The entries of a list, all together. */
async function collect(readPage) {
  const all = []
  for await (const entries of pages(readPage)) {
    for (const entry of entries) all.push(entry)
  }
  return all
}

/** The filter among the arguments of `scan`. */
function filterOf(options = {}) {
  if (options === null || typeof options !== 'object') {
    throw unfit('scan', 'options', 'an object', options)
  }
  const { filter, ...others } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw typeError('ERR_INVALID_ARG_VALUE', `scan has no option '${unknown}'`)
  }
  return filter
}

module.exports = { List, collect, filterOf, walk }
