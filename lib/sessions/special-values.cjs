'use strict'
// The values that JSON cannot carry, on their way to and from the addon. Their list is described
// in src/codec/mod.rs.

const { types } = require('node:util')
const { MAX_BYTES, tooLarge, unstorable } = require('../error.cjs')

/**
 * Binary subtypes, of those that BSON leaves to applications, for binary types other than Buffer.
 * A Buffer has the generic subtype 0, as the Node driver writes it.
 */
const SUBTYPE_OF = new Map(
  [
    ArrayBuffer,
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type, index) => [type.name, { type, subtype: 0xe0 + index }]),
)
const TYPE_OF = new Map([...SUBTYPE_OF.values()].map(({ type, subtype }) => [subtype, type]))

/** What the addon makes of an encrypted value; SUBTYPE in src/cipher/mod.rs. */
const ENCRYPTED = 0xee

/**
 * For values that other programs stored and that would be written as something else, such as a moment
 * which no Date can hold: what they were read from, and what they would be written as. As long as
 * that has not changed, they are written as they were.
 */
const origins = new WeakMap()

/** The BSON types of such values: date, regular expression, pointer, code with scope. */
const INEXACT_TYPES = new Set([0x09, 0x0b, 0x0c, 0x0f])

/** The hexadecimal notation of an ObjectId. */
const OBJECT_ID = /^[\da-f]{24}$/

/** The bson package is only needed for values of its types, so only they wait for it to load. */
let bson
function bsonPackage() {
  bson ??= require('bson')
  return bson
}

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
      return ['int64', String(value)]
    case 'object':
      return value === null ? undefined : objectToSpecial(value)
    default:
      return undefined
  }
}

function objectToSpecial(value) {
  if (types.isDate(value)) return dateToSpecial(value)
  const type = value._bsontype
  if (typeof type === 'string' && !isPlainData(value)) {
    const hex = type === 'ObjectId' || type === 'ObjectID' ? value.toHexString?.() : undefined
    return OBJECT_ID.test(hex) ? ['objectId', hex] : ['bson', payloadOf(value)]
  }
  if (types.isRegExp(value)) {
    checkRegExp(value)
    return ['bson', payloadOf(value)]
  }
  if (Buffer.isBuffer(value)) return ['binary', binary(0, value)]
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) {
    const name = Object.prototype.toString.call(value).slice(8, -1)
    const { subtype } = SUBTYPE_OF.get(name) ?? SUBTYPE_OF.get('Uint8Array')
    return ['binary', binary(subtype, value)]
  }
  return undefined
}

/** A date that is not one is null in JSON, too; its payload is NaN. */
function dateToSpecial(date) {
  const moment = Date.prototype.getTime.call(date)
  const origin = Number.isNaN(moment) ? origins.get(date) : undefined
  return origin === undefined ? ['date', moment] : ['bson', origin.payload]
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

function binary(subtype, value) {
  if (value.byteLength > MAX_BYTES) throw tooLarge()
  const bytes = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value)
  return subtype.toString(16).padStart(2, '0') + bytes.toString('base64')
}

function payloadOf(value) {
  const written = serialize(value)
  const origin = origins.get(value)
  return origin?.written === written ? origin.payload : written
}

function serialize(value) {
  if (value._bsontype === 'Binary' && value.sub_type === ENCRYPTED) {
    throw unstorable('a Binary of the subtype 0xEE cannot be stored: it means an encrypted value')
  }
  try {
    return Buffer.from(bsonPackage().serialize({ '': ofOurVersion(value) })).toString('base64')
  } catch (cause) {
    throw unstorable(
      `a value of the BSON type ${value._bsontype ?? 'RegExp'} cannot be stored`,
      cause,
    )
  }
}

/** An ObjectId of another version of the bson package, which ours would refuse. */
function ofOurVersion(value) {
  const { ObjectId } = bsonPackage()
  const isObjectId = value._bsontype === 'ObjectId' || value._bsontype === 'ObjectID'
  return isObjectId && !(value instanceof ObjectId) ? new ObjectId(value.toHexString()) : value
}

/** The value for a type and payload. */
function fromSpecial(type, payload) {
  switch (type) {
    case 'date':
      return new Date(payload)
    case 'int64':
      return BigInt(payload)
    case 'double':
      return Number(payload)
    case 'objectId':
      return new (bsonPackage().ObjectId)(payload)
    case 'binary':
      return fromBinary(Number.parseInt(payload.slice(0, 2), 16), payload.slice(2))
    default:
      return fromBson(payload)
  }
}

function fromBson(payload) {
  const bytes = Buffer.from(payload, 'base64')
  const value = deserialize(bytes)['']
  // The type is the first byte behind the length.
  if (INEXACT_TYPES.has(bytes[4])) {
    const isMoment = types.isDate(value)
    const written = isMoment ? undefined : serialize(value)
    if (written !== payload) origins.set(value, { payload, written })
  }
  return value
}

function deserialize(bytes) {
  try {
    return bsonPackage().deserialize(bytes)
  } catch {
    // Other programs may store what is no RegExp in JavaScript.
    return bsonPackage().deserialize(bytes, { bsonRegExp: true })
  }
}

function fromBinary(subtype, base64) {
  const bytes = Buffer.from(base64, 'base64')
  if (subtype === 0) return bytes
  const Type = TYPE_OF.get(subtype)
  // Other programs may use the subtype for anything.
  if (Type === undefined || bytes.length % (Type.BYTES_PER_ELEMENT ?? 1) !== 0) {
    const { Binary, UUID } = bsonPackage()
    return subtype === Binary.SUBTYPE_UUID && bytes.length === 16
      ? new UUID(bytes)
      : new Binary(bytes, subtype)
  }
  // A copy, because small Buffers share one ArrayBuffer, in which they may lie unaligned.
  const buffer = new Uint8Array(bytes).buffer
  return Type === ArrayBuffer ? buffer : new Type(buffer)
}

module.exports = { toSpecial, fromSpecial }
