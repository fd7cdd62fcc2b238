'use strict'
// The values that JSON cannot carry, on their way to and from the addon. Their list is described
// in src/codec/mod.rs.

const { types } = require('node:util')
const { binary, fromInt64, fromPayload, ofType, originOf, payloadOf } = require('./bson-values.cjs')
const { MAX_BYTES, tooLarge, unstorable } = require('../error.cjs')
const { Int64 } = require('./int64s.cjs')

/**
 * Binary subtypes, of those that BSON leaves to applications, for binary types other than Buffer.
 * A Buffer has the generic subtype 0, as the Node driver writes it.
 */
const BINARY_TYPES = [
  'ArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  // From Node 24 on; older ones read a Binary.
  'Float16Array',
]
const FIRST_SUBTYPE = 0xe0
const SUBTYPE_OF = new Map(BINARY_TYPES.map((name, index) => [name, FIRST_SUBTYPE + index]))

/** The type and payload for a value that JSON cannot carry, or undefined for any other. */
function toSpecial(value) {
  switch (typeof value) {
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return undefined
      return ['double', Object.is(value, -0) ? '-0' : String(value)]
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) {
        throw unstorable('a BigInt of more than 64 bits cannot be stored')
      }
      return ['bigint', String(value)]
    case 'object':
      return value === null ? undefined : objectToSpecial(value)
    default:
      return undefined
  }
}

function objectToSpecial(value) {
  if (types.isDate(value)) return dateToSpecial(value)
  if (typeof value._bsontype === 'string' && !isPlainData(value)) return ofType(value)
  if (value instanceof Int64) return ['int64', value.digits]
  if (types.isRegExp(value)) {
    checkRegExp(value)
    return ['bson', payloadOf(value)]
  }
  if (Buffer.isBuffer(value)) return ['binary', fitting(0, value)]
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) {
    const name = Object.prototype.toString.call(value).slice(8, -1)
    return ['binary', fitting(SUBTYPE_OF.get(name) ?? SUBTYPE_OF.get('Uint8Array'), value)]
  }
  return undefined
}

/** A date that is not one is null in JSON, too; its payload is NaN. */
function dateToSpecial(date) {
  const moment = Date.prototype.getTime.call(date)
  const origin = Number.isNaN(moment) ? originOf(date) : undefined
  return origin === undefined ? ['date', moment] : ['bson', origin]
}

/** The other flags of JavaScript have no letter in BSON, and a lone surrogate has no UTF-8. */
function checkRegExp(regExp) {
  if (/[^gim]/.test(regExp.flags) || !regExp.source.isWellFormed()) {
    throw unstorable(
      'a regular expression cannot be stored with other flags than g, i and m or with a lone surrogate',
    )
  }
}

/** An object literal, of any realm. What a visitor sent as JSON can call itself anything. */
function isPlainData(value) {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The payload of a binary type of JavaScript. */
function fitting(subtype, value) {
  if (value.byteLength > MAX_BYTES) throw tooLarge()
  return binary(subtype, ArrayBuffer.isView(value) ? value : new Uint8Array(value))
}

/**
 * The value for a type and payload. `theirs` has the bson package of which those of the application are.
 */
function fromSpecial(type, payload, theirs) {
  switch (type) {
    case 'date':
      return new Date(payload)
    case 'int64':
      return fromInt64(payload, theirs)
    case 'bigint':
      return BigInt(payload)
    case 'double':
      return Number(payload)
    case 'objectId':
      return new theirs.package.ObjectId(payload)
    case 'binary':
      return fromBinary(Number.parseInt(payload.slice(0, 2), 16), payload.slice(2), theirs)
    default:
      return fromPayload(payload, theirs.package)
  }
}

function fromBinary(subtype, base64, theirs) {
  const bytes = Buffer.from(base64, 'base64')
  if (subtype === 0) return bytes
  const Type = globalThis[BINARY_TYPES[subtype - FIRST_SUBTYPE]]
  // Other programs may use the subtype for anything.
  if (Type === undefined || bytes.length % (Type.BYTES_PER_ELEMENT ?? 1) !== 0) {
    const { Binary, UUID } = theirs.package
    return subtype === Binary.SUBTYPE_UUID && bytes.length === 16 && UUID !== undefined
      ? new UUID(bytes)
      : new Binary(bytes, subtype)
  }
  // A copy, because small Buffers share one ArrayBuffer, in which they may lie unaligned.
  const buffer = new Uint8Array(bytes).buffer
  return Type === ArrayBuffer ? buffer : new Type(buffer)
}

module.exports = { toSpecial, fromSpecial }
