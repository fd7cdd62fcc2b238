'use strict'
// A filter at the boundary. What it may hold is decided in src/filter; here it is only made sure that
// what crosses is what was given, since JSON leaves things out and a filter that has lost a condition
// means more sessions.

const { typeError } = require('./error.cjs')
const { encode } = require('./session.cjs')

/** Text and specials of a filter. */
function encodeFilter(filter) {
  if (!isPlain(filter)) {
    throw typeError('ERR_INVALID_ARG_TYPE', 'the filter must be a plain object')
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
  const isLost = !Object.hasOwn(written, key) || (Array.isArray(value) && value.some(isNothing))
  // `some` passes over holes.
  if (isLost || (Array.isArray(value) && Object.keys(value).length < value.length)) {
    throw typeError(
      'ERR_STORE_FILTER',
      'the filter holds undefined, a function or a symbol, for which no session can be looked',
    )
  }
}

function isNothing(value) {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol'
}

/** An object literal, of any realm. */
function isPlain(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = { encodeFilter }
