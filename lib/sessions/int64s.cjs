'use strict'
// 64-bit integers that other programs have stored, and that are numbers in JavaScript. In the database they
// stay what they are, as long as the application leaves them alone: so where they were read is kept beside
// the session.

/** Stands for a number that is a 64-bit integer in the database. */
class Int64 {
  constructor(number, digits) {
    this.number = number
    this.digits = digits
  }
}

/** By the sessions: the integers below each key, in maps like the objects that hold them. */
const bySession = new WeakMap()

/** Takes note of one that was read at the end of a path, in the order in which they are read. */
function keepInt64(session, path, number, digits) {
  isUsed = true
  let int64s = bySession.get(session)
  if (int64s === undefined) {
    int64s = new Map()
    bySession.set(session, int64s)
  }
  for (const key of path.slice(0, -1)) {
    let inner = int64s.get(key)
    if (inner === undefined) {
      inner = new Map()
      int64s.set(key, inner)
    }
    int64s = inner
  }
  int64s.set(path.at(-1), new Int64(number, digits))
}

/** Whether there ever were any, which most programs never have. */
let isUsed = false

/** Those of the session that is read, or known, as this object; or undefined. */
function int64sOf(session) {
  return isUsed ? bySession.get(session) : undefined
}

/** Takes note that another object stands for the session as well. */
function passInt64s(from, to) {
  const int64s = int64sOf(from)
  if (int64s !== undefined && to !== from) bySession.set(to, int64s)
}

/** A value with the integers that were read in it: itself, or a copy of the objects that hold any. */
function withInt64s(value, int64s) {
  if (int64s instanceof Int64) return value === int64s.number ? int64s : value
  if (!isLiteral(value)) return value
  let copy = value
  for (const [key, inner] of int64s) {
    if (!Object.hasOwn(value, key)) continue
    const present = value[key]
    const stands = withInt64s(present, inner)
    if (stands === present) continue
    if (copy === value) copy = Array.isArray(value) ? Array.from(value) : { ...value }
    copy[key] = stands
  }
  return copy
}

/** An array or an object literal, as it was read, that has no say of its own. */
function isLiteral(value) {
  if (value === null || typeof value !== 'object') return false
  if (typeof value.toJSON === 'function') return false
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

module.exports = { Int64, int64sOf, keepInt64, passInt64s, withInt64s }
