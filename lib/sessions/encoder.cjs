'use strict'
// What JSON.stringify is given of the values of a session: the value itself, as long as JSON carries all of
// it, else a copy of the objects on the way to what it does not carry, with null in its place. What stands
// for these nulls is noted with their number, by which the addon finds them.
//
// A getter is called more than once, as it is by everybody who looks at an object twice.

const { types } = require('node:util')
const { tooLarge, unstorable } = require('../error.cjs')
const { MAX_DEPTH, MAX_ELEMENTS, MAX_PAYLOADS } = require('./limits.cjs')
const { toSpecial } = require('./special-values.cjs')

/** As how many characters of a payload a date counts: twice the bytes that it takes with its key. */
const DATE_PAYLOAD = 22

class Encoder {
  /** What JSON cannot carry of the present field, without the number of the field: see `ofField`. */
  specials = []
  /** How many nulls the present field has so far. */
  #nulls = 0
  #elements = 0
  #payloads = 0
  /** Whether the present value is part of what stands for one with toBSON. */
  #isOfBson = false
  /** What holds the present value: the objects above it, by their depth. */
  #ancestors = []

  /** What stands for the session itself: an object whose fields are to be written. */
  session(session) {
    const stands = typeof session.toJSON === 'function' || typeof session.toBSON === 'function'
    this.#isOfBson = typeof session.toBSON === 'function'
    const object =
      stands && toSpecial(session) === undefined ? ownSay(session, '', this.#isOfBson) : session
    if (!isContainer(object) || Array.isArray(object) || toSpecial(object) !== undefined) {
      throw unstorable('a session must be an object')
    }
    return object
  }

  /** What stands for a field of the session; its special values are then in `specials`. */
  field(key, value) {
    this.#nulls = 0
    if (this.specials.length > 0) this.specials = []
    this.#count(1)
    // The fields of a cookie are stored as they are, not as its toJSON presents them, because
    // @iwsio/mongodb-express-session does so, with which the store can share a collection.
    const isCookie = key === 'cookie' && isContainer(value) && toSpecial(value) === undefined
    return isCookie ? this.#copy(value, 2) : this.#value(key, value, 2)
  }

  #value(key, value, depth) {
    switch (typeof value) {
      case 'object':
        if (value !== null) return this.#object(key, value, depth)
        this.#nulls++
        return null
      case 'number':
        if (value - value === 0 && (value !== 0 || 1 / value > 0)) return value
        return this.#special(toSpecial(value))
      case 'bigint':
        return this.#special(toSpecial(value))
      case 'function':
        // It may be one that has its own say.
        return typeof value.toJSON === 'function' ? this.#other(key, value, depth) : value
      default:
        return value
    }
  }

  #object(key, object, depth) {
    if (typeof object.toJSON === 'function' || typeof object.toBSON === 'function') {
      return this.#other(key, object, depth)
    }
    if (Array.isArray(object)) return this.#array(object, depth)
    const prototype = Object.getPrototypeOf(object)
    const isLiteral =
      prototype === Object.prototype || (prototype === null && object.rawJSON === undefined)
    return isLiteral ? this.#fields(object, depth) : this.#other(key, object, depth)
  }

  /** What is neither an array nor an object literal, or has its own say about how it is written. */
  #other(key, value, depth) {
    let special = toSpecial(value)
    const isOfBson = this.#isOfBson
    if (special === undefined) {
      this.#isOfBson ||= typeof value.toBSON === 'function'
      value = ownSay(value, key, this.#isOfBson)
      special = toSpecial(value)
    }
    const written = special === undefined ? this.#said(key, value, depth) : this.#special(special)
    this.#isOfBson = isOfBson
    return written
  }

  /** What stands for a value that has its own say, which is not asked once more. */
  #said(key, value, depth) {
    if (!isContainer(value)) return this.#value(key, value, depth)
    // JSON.stringify would ask, too.
    if (typeof value.toJSON === 'function') return this.#copy(value, depth)
    return Array.isArray(value) ? this.#array(value, depth) : this.#fields(value, depth)
  }

  #special([type, payload]) {
    this.#payloads += payload.length ?? DATE_PAYLOAD
    if (this.#payloads > MAX_PAYLOADS) throw tooLarge()
    if (type !== 'date') {
      // No payload holds what would have to be escaped.
      this.specials.push(`${this.#nulls},0,"${type}","${payload}"`)
    } else if (!Number.isNaN(payload)) {
      this.specials.push(`${this.#nulls},0,"date",${payload}`)
    }
    this.#nulls++
    return null
  }

  #array(array, depth) {
    this.#enter(array, depth)
    this.#count(array.length)
    let copy = array
    for (let index = 0; index < array.length; index++) {
      const value = array[index]
      if (typeof value === 'string') continue
      const written = this.#value(String(index), value, depth + 1)
      if (!isStored(written)) {
        this.#nulls++
      } else if (written !== value) {
        if (copy === array) copy = Array.from(array)
        copy[index] = written
      }
    }
    return copy
  }

  #fields(object, depth) {
    this.#enter(object, depth)
    const keys = Object.keys(object)
    this.#count(keys.length)
    let copy = object
    for (const key of keys) {
      const value = object[key]
      if (typeof value === 'string') continue
      const written = this.#value(key, value, depth + 1)
      if (written !== value) {
        // What it holds itself it holds then as well, be it called __proto__.
        if (copy === object) copy = { ...object }
        copy[key] = written
      }
    }
    return copy
  }

  /** A copy of nothing but what is written of an object. */
  #copy(object, depth) {
    if (Array.isArray(object)) return [...this.#array(object, depth)]
    this.#enter(object, depth)
    const keys = Object.keys(object)
    this.#count(keys.length)
    const copy = {}
    for (const key of keys) {
      const written = this.#value(key, object[key], depth + 1)
      if (isStored(written)) put(copy, key, written)
    }
    return copy
  }

  #enter(object, depth) {
    if (depth > MAX_DEPTH) {
      throw unstorable(
        this.#isCycle(object)
          ? 'the session refers to itself in a cycle and cannot be stored'
          : `the session is nested more than ${MAX_DEPTH} levels deep, more than can be stored`,
      )
    }
    this.#ancestors[depth] = object
  }

  /** Whether something on the way to an object stands there twice: the object itself may be a copy of itself. */
  #isCycle(object) {
    const way = [...this.#ancestors.filter((ancestor) => ancestor !== undefined), object]
    return new Set(way).size < way.length
  }

  #count(elements) {
    this.#elements += elements
    if (this.#elements > MAX_ELEMENTS) {
      throw unstorable('the session has more elements than fit into a MongoDB document')
    }
  }
}

/**
 * What a value says of itself as it is written, once. toJSON comes first: what it leaves out, such as the
 * password of a user, is meant to leave the program nowhere. Without either, it is unboxed. `isOfBson` says that
 * it is, or stands for, a value with toBSON: of a Map there the official driver stores the entries. mongoose's Map
 * answers one.
 */
function ownSay(value, key, isOfBson) {
  const hasJson = typeof value.toJSON === 'function'
  const said = hasJson
    ? value.toJSON(key)
    : typeof value.toBSON === 'function'
      ? value.toBSON()
      : unboxed(value)
  return isOfBson && types.isMap(said) ? ofEntries(said) : said
}

function ofEntries(map) {
  const object = {}
  for (const [key, value] of map) put(object, String(key), value)
  return object
}

/** A boxed primitive, or raw JSON, as JSON.stringify unboxes it; any other value is answered as it is. */
function unboxed(value) {
  if (JSON.isRawJSON?.(value)) return JSON.parse(value.rawJSON)
  if (!types.isBoxedPrimitive(value)) return value
  if (types.isNumberObject(value)) return Number(value)
  if (types.isStringObject(value)) return String(value)
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value)
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value)
  return value
}

function isContainer(value) {
  return value !== null && typeof value === 'object'
}

/** Whether JSON.stringify writes a value; it leaves out the others. */
function isStored(value) {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol'
}

/** Gives an object a field. An assignment to __proto__ would set the prototype. */
function put(object, key, value) {
  if (key !== '__proto__') {
    object[key] = value
  } else {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
}

module.exports = { Encoder, isStored, put }
