'use strict'
// A filter at the boundary. What it may hold is decided in src/filter; here it is only made sure that
// what crosses is what was given, since JSON leaves things out and a filter that has lost a condition
// means more sessions.

const { types } = require('node:util')
const { toSpecial } = require('../sessions/special-values.cjs')
const { MongoSessionStoreError, typeError, unfit } = require('../error.cjs')
const { encode } = require('../sessions/encode.cjs')
const { put } = require('../sessions/encoder.cjs')
const { MAX_DEPTH } = require('../sessions/limits.cjs')

/** Text and specials of a filter that was given to a method. */
function encodeFilter(method, filter) {
  if (!isPlain(filter)) {
    throw unfit(method, 'filter', 'a plain object', filter)
  }
  try {
    // Read once: what is encoded is what has been looked at.
    const { text, specials } = encode(exactFields(filter, []))
    return { text, specials }
  } catch (error) {
    const isUnstorable = error instanceof MongoSessionStoreError
    if (isUnstorable && error.code === 'ERR_STORE_SERIALIZATION') {
      throw unusable(`what no session can hold: ${error.message}`)
    }
    throw error
  }
}

function unusable(what) {
  return typeError(
    'ERR_STORE_FILTER',
    `the filter holds ${what}, for which no session can be looked`,
  )
}

/** A value as it crosses. Refuses one that would cross as another one, at whatever depth it is. */
function exact(value, key, ancestors) {
  switch (typeof value) {
    case 'undefined':
    case 'function':
    case 'symbol':
      throw unusable('undefined, a function or a symbol')
    case 'object':
      return value === null ? null : exactObject(value, key, ancestors)
    default:
      // A BigInt may be too large.
      toSpecial(value)
      return value
  }
}

function exactObject(object, key, ancestors) {
  if (ancestors.includes(object)) throw unusable('an object that refers to itself')
  if (ancestors.length > MAX_DEPTH) throw unusable('an object that is nested too deeply')
  const inside = [...ancestors, object]
  const special = toSpecial(object)
  if (special !== undefined) {
    const [type, moment] = special
    if (type === 'date' && Number.isNaN(moment)) throw unusable('an invalid date')
    return object
  }
  if (typeof object.toJSON === 'function') {
    const value = object.toJSON(key)
    // What a package has for a date that is not one.
    if (value === null) throw unusable('an invalid date, or another value that is null as JSON')
    return exact(value, key, inside)
  }
  if (typeof object.toBSON === 'function') return exact(object.toBSON(), key, inside)
  if (types.isBoxedPrimitive(object)) return exact(object.valueOf(), key, inside)
  if (Array.isArray(object)) return exactArray(object, inside)
  if (isPlain(object)) return exactFields(object, inside)
  throw unusable('a Map, a Set, a promise or another object that is not just its fields')
}

/** A hole is undefined. */
function exactArray(array, ancestors) {
  if (Object.keys(array).length > array.length) throw unusable('an array that has fields')
  return Array.from(array, (value, index) => exact(value, String(index), ancestors))
}

function exactFields(object, ancestors) {
  const fields = {}
  const keys = Reflect.ownKeys(object)
  const isField = (key) =>
    typeof key === 'string' && Object.prototype.propertyIsEnumerable.call(object, key)
  if (!keys.every(isField)) throw unusable('a symbol as a key, or a field that is not enumerable')
  for (const key of keys) put(fields, key, exact(object[key], key, ancestors))
  return fields
}

/** An object literal, of any realm. */
function isPlain(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = { encodeFilter }
