'use strict'
// By what sessions are found: the values of the option `indexes`, which stand beside the session.

const { types } = require('node:util')
const { invalid, unstorable } = require('../error.cjs')
const { dropPromise, kindOf } = require('../kind.cjs')
const { Derivation } = require('../sessions/derivation.cjs')
const { encode } = require('../sessions/encode.cjs')
const { toSpecial } = require('../sessions/special-values.cjs')

/** How many bytes a text may have: what every version of MongoDB takes into an index. */
const MAX_BYTES = 1024

const A_VALUE = `a string without lone surrogates of at most ${MAX_BYTES} bytes, a finite number, a boolean, a valid Date, an ObjectId, or null or undefined for nothing`

class Indexes {
  #derivations

  /** `indexes` are the functions with their names. Undefined without any. */
  static from(indexes) {
    return indexes.length === 0 ? undefined : new Indexes(indexes)
  }

  constructor(indexes) {
    this.#derivations = indexes.map(([name, index]) => {
      return [name, new Derivation((session) => valueOf(name, index, session))]
    })
  }

  /** The values for a session, as text and specials of an object of them. */
  of(session) {
    // Whatever they are called.
    const values = Object.create(null)
    for (const [name, derivation] of this.#derivations) {
      const value = derivation.of(session)
      if (value !== undefined) values[name] = value
    }
    const { text, specials } = encode(values)
    return { text, specials }
  }

  /** For each of them the top-level keys that make it; null where that may be any. */
  get keys() {
    return this.#derivations.map(([, derivation]) => derivation.keys)
  }
}

/** What the addon is told of them: the values, what the document said, and the keys. */
function indexTerms(values, before, keys) {
  if (values === undefined) return undefined
  const isSame = values.text === before?.text && values.specials === before?.specials
  const known = isSame ? undefined : before
  const [textBefore, specialsBefore] = [known?.text, known?.specials]
  return { ...values, textBefore, specialsBefore, keys: keys ?? undefined }
}

/** What one of the functions answers for a session; undefined for nothing. */
function valueOf(name, index, session) {
  let value
  try {
    value = index(session)
  } catch (cause) {
    // What went wrong may quote the session, so no message of ours does.
    throw unstorable(`the option 'indexes.${name}' failed`, cause)
  }
  if (value === undefined || value === null) return undefined
  if (isValue(value)) return value
  dropPromise(value)
  throw invalid(`option 'indexes.${name}' must return ${A_VALUE}, got ${received(value)}`)
}

function isValue(value) {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() && Buffer.byteLength(value) <= MAX_BYTES
    case 'number':
      return Number.isFinite(value)
    case 'boolean':
      return true
    case 'object':
      if (types.isDate(value)) return !Number.isNaN(Date.prototype.getTime.call(value))
      return typeof value._bsontype === 'string' && toSpecial(value)?.[0] === 'objectId'
    default:
      return false
  }
}

function received(value) {
  if (typeof value !== 'string') return kindOf(value)
  const bytes = Buffer.byteLength(value)
  return bytes > MAX_BYTES ? `a string of ${bytes} bytes` : kindOf(value)
}

/** Checks what the option holds, and answers the functions with their names. */
function checkIndexes(indexes) {
  const given = Object.entries(indexes).filter(([, index]) => index !== undefined)
  for (const [name, index] of given) {
    if (typeof index === 'function') continue
    throw invalid(`option 'indexes.${name}' must be a function, got ${kindOf(index)}`)
  }
  return given
}

module.exports = { Indexes, checkIndexes, indexTerms }
