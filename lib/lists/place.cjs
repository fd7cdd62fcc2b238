'use strict'
// Which part of a list is wanted: how many sessions, in which order, and behind which ones.
//
// Where a part ends, a cursor says where the next one begins. A session id is a credential and cursors go to
// browsers: so a cursor does not name the last session. It has as much of the beginning of an id as it takes to
// tell that session from the next one, which of ids that are made by chance are a few characters.

const { typeError, unfit } = require('../error.cjs')

const MAX_LIMIT = 2 ** 31 - 1

/** What a cursor begins with, in case that another version has others. */
const VERSION = 1

/** A part of a list, as the options of a method say it. */
class Part {
  #after

  constructor(method, { limit, after, sort } = {}) {
    if (limit !== undefined) checkLimit(method, limit)
    this.limit = limit
    if (sort !== undefined) Object.assign(this, orderOf(method, sort))
    if (after === undefined) return
    if (typeof after !== 'string') throw unfit(method, "option 'after'", 'a string', after)
    this.#after = this.#read(after)
  }

  /** Where the first page begins, as the addon takes it. */
  first(prefix) {
    const { sortedBy, descends } = this
    const { value, separator } = this.#after ?? {}
    const after = separator === undefined ? undefined : prefix + separator
    return { sortedBy, descends, value, after, isBeforeId: true }
  }

  /** Where a later page begins, of which the one before has said what it needs. */
  next(value, after, most) {
    const { sortedBy, descends } = this
    return { sortedBy, descends, value, after, most }
  }

  /** The cursor between two sessions of the list: what each holds of what that is sorted by, and its id. */
  cursor(last, next) {
    const isSame = last.value === next.value
    const [smaller, greater] = this.descends ? [next.sid, last.sid] : [last.sid, next.sid]
    const separator = isSame ? separatorOf(smaller, greater) : null
    const { sortedBy = null, descends = false } = this
    const parts = [VERSION, sortedBy, descends, next.value ?? null, separator]
    return Buffer.from(JSON.stringify(parts)).toString('base64url')
  }

  #read(cursor) {
    const [sortedBy, descends, value, separator] = partsOf(cursor)
    if ((sortedBy ?? undefined) !== this.sortedBy || descends !== (this.descends ?? false)) {
      throw unusable("is of a list in another order: 'sort' is the same for all parts of a list")
    }
    return { value: value ?? undefined, separator: separator ?? undefined }
  }
}

/** What a cursor is made of. It may come from a browser. */
function partsOf(cursor) {
  let parts
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url'))
  } catch {
    // Nothing of ours.
  }
  const [version, ...others] = Array.isArray(parts) ? parts : []
  const [sortedBy, descends, value, separator] = others
  const areTexts = [sortedBy, value, separator].every((part) => part === null || isText(part))
  const isOurs = version === VERSION && others.length === 4 && typeof descends === 'boolean'
  if (isOurs && areTexts && (sortedBy === null) === (value === null)) return others
  throw unusable('is none that this store has given out')
}

function isText(part) {
  return typeof part === 'string' && part.isWellFormed()
}

function unusable(problem) {
  return typeError('ERR_STORE_FILTER', `the option 'after' ${problem}`)
}

/** The shortest beginning of the greater of two texts that still is greater, as UTF-8 is compared. */
function separatorOf(smaller, greater) {
  const [known, others] = [[...smaller], [...greater]]
  const at = others.findIndex((character, index) => character !== known[index])
  return others.slice(0, at + 1).join('')
}

function checkLimit(method, limit) {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return
  throw unfit(method, "option 'limit'", 'a whole number between 1 and 2147483647', limit)
}

/** What a list is sorted by. */
function orderOf(method, sort) {
  const [entry, ...others] = isObject(sort) ? Object.entries(sort) : []
  const [sortedBy, direction] = entry ?? []
  if (others.length === 0 && (direction === 1 || direction === -1) && sortedBy.isWellFormed()) {
    return { sortedBy, descends: direction === -1 }
  }
  throw unfit(method, "option 'sort'", 'an object with one field, which is 1 or -1', sort)
}

function isObject(value) {
  return value !== null && typeof value === 'object'
}

/** The options of a method that it knows. */
function optionsOf(method, options = {}, known) {
  if (!isObject(options)) throw unfit(method, 'options', 'an object', options)
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw typeError('ERR_INVALID_ARG_VALUE', `${method} has no option '${unknown}'`)
  }
  return options
}

const OF_LISTS = ['limit', 'after', 'sort']

/** The part of a list that is wanted, and what else is among the options of a method. */
function partOf(method, options, others = []) {
  const read = optionsOf(method, options, [...OF_LISTS, ...others])
  return { ...read, part: new Part(method, read) }
}

/** The limit alone. */
function limitOf(method, options) {
  const { limit } = optionsOf(method, options, ['limit'])
  if (limit !== undefined) checkLimit(method, limit)
  return limit
}

module.exports = { Part, checkLimit, limitOf, optionsOf, partOf }
