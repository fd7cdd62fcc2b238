'use strict'
// Values of the bson package, of whatever version: they are known by their shape. Not every package has the
// types of another one, so those of ours are made of them where they have to be written.

const { types } = require('node:util')
const { unstorable } = require('../error.cjs')

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

/** The bson package is only needed for values of its types, so only they wait for it to load. */
let bson
function ours() {
  bson ??= require('bson')
  return bson
}

/** The hexadecimal notation of an ObjectId. */
const OBJECT_ID = /^[\da-f]{24}$/

/** Type and payload of a value that calls itself one of a BSON type. */
function ofType(value) {
  switch (value._bsontype) {
    case 'ObjectId':
    case 'ObjectID': {
      const hex = value.toHexString?.()
      if (OBJECT_ID.test(hex)) return ['objectId', hex]
      break
    }
    case 'Long':
      if (Number.isInteger(value.low) && Number.isInteger(value.high)) {
        return ['int64', String((BigInt(value.high | 0) << 32n) | BigInt(value.low >>> 0))]
      }
      break
    case 'Binary': {
      const bytes = bytesOf(value)
      if (value.sub_type === ENCRYPTED) {
        throw unstorable(
          'a Binary of the subtype 0xEE cannot be stored: it means an encrypted value',
        )
      }
      if (bytes !== undefined) return ['binary', binary(value.sub_type, bytes)]
    }
  }
  return ['bson', payloadOf(value)]
}

/** The bytes of a Binary, if it is one that has any. */
function bytesOf({ buffer, position, sub_type: subtype }) {
  const isBinary = types.isUint8Array(buffer) && Number.isInteger(subtype) && subtype >>> 8 === 0
  return isBinary ? buffer.subarray(0, position) : undefined
}

/** The payload of a binary. */
function binary(subtype, { buffer, byteOffset, byteLength }) {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  return subtype.toString(16).padStart(2, '0') + bytes.toString('base64')
}

/** A value as the payload of its own BSON type. */
function payloadOf(value) {
  const written = serialize(value)
  const origin = origins.get(value)
  return origin?.written === written ? origin.payload : written
}

function serialize(value) {
  try {
    return Buffer.from(ours().serialize({ '': ofOurVersion(value) })).toString('base64')
  } catch (cause) {
    throw unstorable(
      `a value of the BSON type ${value._bsontype ?? 'RegExp'} cannot be stored`,
      cause,
    )
  }
}

/** How a value of another version is made one of ours, by the name of its type. */
const CONVERSIONS = {
  ObjectId: (id) => new bson.ObjectId(id.toHexString()),
  ObjectID: (id) => new bson.ObjectId(id.toHexString()),
  Decimal128: ({ bytes }) => new bson.Decimal128(Buffer.from(bytes)),
  Long: ({ low, high }) => new bson.Long(low, high),
  Timestamp: ({ low, high }) => new bson.Timestamp({ t: high >>> 0, i: low >>> 0 }),
  Double: ({ value }) => new bson.Double(value),
  Int32: ({ value }) => new bson.Int32(value),
  Binary: ({ buffer, position, sub_type: subtype }) =>
    new bson.Binary(Buffer.from(buffer).subarray(0, position), subtype),
  UUID: ({ id, buffer }) => new bson.Binary(Buffer.from(id ?? buffer), bson.Binary.SUBTYPE_UUID),
  Code: ({ code, scope }) => new bson.Code(code, deeply(scope)),
  DBRef: ({ collection, oid, db, fields }) =>
    new bson.DBRef(collection, ofOurVersion(oid), db, deeply(fields)),
  BSONRegExp: ({ pattern, options }) => new bson.BSONRegExp(pattern, options),
  BSONSymbol: ({ value }) => new bson.BSONSymbol(value),
  Symbol: ({ value }) => new bson.BSONSymbol(value),
  MinKey: () => new bson.MinKey(),
  MaxKey: () => new bson.MaxKey(),
}

function ofOurVersion(value) {
  const type = value?._bsontype
  const isForeign = typeof type === 'string' && !(value instanceof (ours()[type] ?? Object))
  const convert = Object.hasOwn(CONVERSIONS, type ?? '') ? CONVERSIONS[type] : undefined
  return convert !== undefined && (isForeign || ours()[type] === undefined) ? convert(value) : value
}

/** The same of all that an object of such a value holds. */
function deeply(value) {
  if (value === null || typeof value !== 'object' || value._bsontype) return ofOurVersion(value)
  if (Array.isArray(value)) return value.map(deeply)
  const isLiteral = Object.getPrototypeOf(value) === Object.prototype
  if (!isLiteral) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deeply(each)]))
}

/** The value of a payload, of the version of a bson package. */
function fromPayload(payload, theirs) {
  const bytes = Buffer.from(payload, 'base64')
  const value = deserialize(bytes, theirs)['']
  // The type is the first byte behind the length.
  if (INEXACT_TYPES.has(bytes[4])) {
    const isMoment = types.isDate(value)
    const written = isMoment ? undefined : serialize(value)
    if (written !== payload) origins.set(value, { payload, written })
  }
  return value
}

function deserialize(bytes, theirs) {
  try {
    return theirs.deserialize(bytes)
  } catch {
    // Other programs may store what is no RegExp in JavaScript.
    return theirs.deserialize(bytes, { bsonRegExp: true })
  }
}

/** The payload that a Date had which is none in JavaScript, or undefined. */
const originOf = (date) => origins.get(date)?.payload

/** A 64-bit integer: a number where that is exact, else a Long of the application's package. */
function fromInt64(digits, theirs) {
  const number = Number(digits)
  const isExact = Math.abs(number) <= 2 ** 53 && String(number) === digits
  return isExact ? number : theirs.package.Long.fromString(digits)
}

module.exports = { binary, fromInt64, fromPayload, ofType, originOf, payloadOf }
