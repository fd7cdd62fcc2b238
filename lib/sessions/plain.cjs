'use strict'
// Whether JSON alone carries a value.

const { MAX_DEPTH, MAX_ELEMENTS } = require('./limits.cjs')

/** Whether JSON.stringify writes all of a value as it is to be stored. */
function isPlain(value, depth, walk) {
  switch (typeof value) {
    case 'number':
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'bigint':
    case 'function':
      return false
    case 'object':
      return value === null || isPlainObject(value, depth, walk)
    default:
      return true
  }
}

function isPlainObject(object, depth, walk) {
  if (depth > MAX_DEPTH) return false
  if (typeof object.toJSON === 'function' || typeof object.toBSON === 'function') return false
  if (Array.isArray(object)) {
    walk.elements += object.length
    if (walk.elements > MAX_ELEMENTS) return false
    for (let index = 0; index < object.length; index++) {
      if (!isPlain(object[index], depth + 1, walk)) return false
    }
    return true
  }
  const prototype = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return false
  if (object._bsontype !== undefined) return false
  const keys = Object.keys(object)
  walk.elements += keys.length
  if (walk.elements > MAX_ELEMENTS) return false
  for (const key of keys) {
    if (!isPlain(object[key], depth + 1, walk)) return false
  }
  return true
}

module.exports = { isPlain }
