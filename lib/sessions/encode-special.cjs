'use strict'
// A session that holds values which JSON cannot carry: it is copied, with null in their places; the addon
// puts them back by counting nulls.

const { types } = require('node:util')
const { tooLarge, unstorable } = require('../error.cjs')
const { MAX_DEPTH, MAX_ELEMENTS, MAX_PAYLOADS } = require('./limits.cjs')
const { isObject } = require('./session.cjs')
const { toSpecial } = require('./special-values.cjs')

/** Copies a session with special values, in the order in which JSON.stringify will go. */
class SpecialEncoder {
  specials = []
  nulls = 0
  elements = 0
  payloads = 0
  ancestors = []

  encode(session) {
    const copy = this.value('', session)
    if (!isObject(copy) || Array.isArray(copy)) throw unstorable('a session must be an object')
    const { specials } = this
    return {
      text: JSON.stringify(copy),
      specials: specials.length === 0 ? '' : JSON.stringify(specials),
    }
  }

  /** What stands for a value in the text; undefined leaves it out. */
  value(key, value) {
    if (isObject(value) && typeof value.toBSON === 'function') value = value.toBSON()
    let special = toSpecial(value)
    const isCookie = key === 'cookie' && this.ancestors.length === 1
    if (special === undefined && !isCookie && value != null && typeof value.toJSON === 'function') {
      value = value.toJSON(key)
      special = toSpecial(value)
    }
    if (special !== undefined) return this.special(special)
    const primitive = unboxed(value)
    if (primitive !== value) return this.value(key, primitive)
    if (value === null) {
      this.nulls++
      return null
    }
    return typeof value === 'object' ? this.container(value) : value
  }

  special([type, payload]) {
    this.payloads += payload.length ?? 0
    if (this.payloads > MAX_PAYLOADS) throw tooLarge()
    if (type !== 'date' || !Number.isNaN(payload)) {
      this.specials.push(this.nulls, 0, type, payload)
    }
    this.nulls++
    return null
  }

  container(object) {
    if (this.ancestors.includes(object)) {
      throw unstorable('the session refers to itself in a cycle and cannot be stored')
    }
    if (this.ancestors.length >= MAX_DEPTH) {
      throw unstorable(
        `the session is nested more than ${MAX_DEPTH} levels deep, more than can be stored`,
      )
    }
    this.ancestors.push(object)
    const copy = Array.isArray(object) ? this.array(object) : this.object(object)
    this.ancestors.pop()
    return copy
  }

  array(array) {
    const copy = []
    for (let index = 0; index < array.length; index++) {
      this.count()
      let element = this.value(String(index), array[index])
      if (!isStored(element)) {
        element = null
        this.nulls++
      }
      copy.push(element)
    }
    return copy
  }

  object(object) {
    const copy = {}
    for (const key of Object.keys(object)) {
      this.count()
      const value = this.value(key, object[key])
      if (!isStored(value)) continue
      // An assignment to __proto__ would set the prototype.
      Object.defineProperty(copy, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return copy
  }

  count() {
    if (++this.elements > MAX_ELEMENTS) {
      throw unstorable('the session has more elements than fit into a MongoDB document')
    }
  }
}

/** A boxed primitive as JSON.stringify unboxes it; any other value is answered as it is. */
function unboxed(value) {
  if (types.isNumberObject(value)) return Number(value)
  if (types.isStringObject(value)) return String(value)
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value)
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value)
  return value
}

/** Whether JSON.stringify writes a value; it leaves out the others. */
function isStored(value) {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol'
}

module.exports = { SpecialEncoder }
