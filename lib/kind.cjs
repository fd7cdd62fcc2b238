'use strict'
// What a value is, in the words of a message about it: its kind and never what it holds, which may be secret. And what
// is done with one that is refused.

/** What kind of value was given where another one is needed, such as `an array`. */
function kindOf(value) {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'string':
      if (value === '') return 'an empty string'
      return value.isWellFormed() ? 'a string' : 'a string with a lone surrogate'
    case 'number':
      if (!Number.isFinite(value)) return String(value)
      if (value <= 0) return value < 0 ? 'a negative number' : 'the number 0'
      if (!Number.isInteger(value)) return 'a number with a fraction'
      return Number.isSafeInteger(value) ? 'a number' : 'a number beyond 2^53'
    case 'object':
      return kindOfObject(value)
    default:
      return `a ${typeof value}`
  }
}

function kindOfObject(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value.then === 'function') return 'a promise'
  const tag = tagOf(value)
  return tag === 'Object' ? 'an object' : `an object of the type ${tag}`
}

/** What kind of object a value is by its own account: `Object` for literals and most classes. */
function tagOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/**
 * Lets go of what a function of the application has returned where no promise can be used: if it is one that fails,
 * nobody waits for it, which would end the process and may quote the session.
 */
function dropPromise(value) {
  if (typeof value?.then === 'function') Promise.resolve(value).catch(() => {})
}

module.exports = { dropPromise, kindOf, tagOf }
