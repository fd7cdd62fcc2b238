'use strict'
// A filter at the boundary. What it may hold is decided in src/filter; here it is only made sure that
// what crosses is what was given, since JSON leaves things out and a filter that has lost a condition
// means more sessions.

const { types } = require('node:util')
const { toSpecial } = require('../sessions/special-values.cjs')
const { typeError, unfit } = require('../error.cjs')
const { encode } = require('../sessions/encode.cjs')

/** Text and specials of a filter that was given to a method. */
function encodeFilter(method, filter) {
  if (!isPlain(filter)) {
    throw unfit(method, 'filter', 'a plain object', filter)
  }
  const { text, specials } = encode(filter)
  const written = JSON.parse(text)
  for (const [path, value] of Object.entries(filter)) {
    checkWritten(written, path, value)
    if (!isPlain(value)) continue
    for (const [name, operand] of Object.entries(value)) {
      if (name.startsWith('$')) checkWritten(written[path], name, operand)
    }
  }
  return { text, specials }
}

function checkWritten(written, key, value) {
  // A hole becomes undefined.
  const values = Array.isArray(value) ? Array.from(value) : [value]
  if (!Object.hasOwn(written, key) || values.some(isNothing)) {
    throw unusable('undefined, a function or a symbol')
  }
  if (values.some(becomesNull)) throw unusable('an invalid date')
}

function unusable(what) {
  return typeError(
    'ERR_STORE_FILTER',
    `the filter holds ${what}, for which no session can be looked`,
  )
}

function isNothing(value) {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol'
}

/** Whether a value crosses as null without being it: a Date, or that of a package, that is not one. */
function becomesNull(value) {
  if (types.isDate(value)) {
    const [type, moment] = toSpecial(value)
    return type === 'date' && Number.isNaN(moment)
  }
  return typeof value?.toJSON === 'function' && (value.toJSON('') ?? null) === null
}

/** An object literal, of any realm. */
function isPlain(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = { encodeFilter }
