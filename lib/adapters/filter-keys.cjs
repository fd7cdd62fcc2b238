'use strict'
// Keys as express-session-mongodb stores them with its option `Filter`: without '.', '$' and NUL,
// which MongoDB did not take in keys at its time.

const { types } = require('node:util')

const FILTERED = new Map([
  ['-', '*-'],
  ['.', 'dot-'],
  ['$', 'dol-'],
  ['\0', 'nul-'],
])
const UNFILTERED = new Map([...FILTERED].map(([character, text]) => [text, character]))

/** How deep a session may nest; MAX_DEPTH of lib/sessions/limits.cjs. */
const MAX_DEPTH = 178

/** One pass over the key, so that nothing is replaced in a replacement. */
function filterKey(key) {
  return key.replace(/[-.$\0]/g, (character) => FILTERED.get(character))
}

/** Every '-' of a filtered key ends a replacement, so that a key has one reading only. */
function unfilterKey(key) {
  return key.replace(/\*-|dot-|dol-|nul-/g, (text) => UNFILTERED.get(text))
}

/** A copy of data with the keys filtered at all depths; values that are no containers stay what they are. */
function filterKeys(value, key = '', ancestors = []) {
  const data = dataOf(value, key)
  if (data === null || typeof data !== 'object' || isValue(data)) return data
  // A cycle, and what is too deep, is left to the store, which refuses it.
  if (ancestors.length > MAX_DEPTH || ancestors.includes(data)) return data
  return copy(data, filterKey, (inner, of) => filterKeys(inner, of, [...ancestors, data]))
}

/** The reverse, for data that has been read from the database. */
function unfilterKeys(data) {
  return isLiteral(data) ? copy(data, unfilterKey, unfilterKeys) : data
}

function copy(data, ofKey, ofValue) {
  if (Array.isArray(data)) return data.map((value, index) => ofValue(value, String(index)))
  // Not by assignments, of which one to `__proto__` would set the prototype.
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [ofKey(key), ofValue(value, key)]),
  )
}

/** What is stored of a value that has its own say in that, as the store would ask it. */
function dataOf(value, key) {
  if (value === null || typeof value !== 'object') return value
  if (typeof value.toBSON === 'function') value = value.toBSON()
  if (value === null || typeof value !== 'object' || isValue(value)) return value
  return typeof value.toJSON === 'function' ? value.toJSON(key) : value
}

/** Whether an object is stored as one value, and not as its keys. */
function isValue(object) {
  return (
    types.isDate(object) ||
    types.isRegExp(object) ||
    types.isAnyArrayBuffer(object) ||
    types.isBoxedPrimitive(object) ||
    ArrayBuffer.isView(object) ||
    (typeof object._bsontype === 'string' && !isLiteral(object))
  )
}

/** An array or an object literal. What a visitor sent as JSON can call itself anything. */
function isLiteral(value) {
  if (value === null || typeof value !== 'object') return false
  if (Array.isArray(value)) return true
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = { filterKeys, unfilterKeys }
