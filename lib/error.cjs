'use strict'
// The errors of the store, and the codes that they have.

const { kindOf } = require('./kind.cjs')

/** MongoDB's limit on a document, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * What every failed operation of the store ends with. `code` is stable; the message names what was
 * wrong or waited for and holds neither session ids nor credentials.
 */
class MongoSessionStoreError extends Error {
  constructor(code, message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.mongoCode !== undefined) {
      this.mongoCode = details.mongoCode
      this.mongoCodeName = details.mongoCodeName
      this.mongoLabels = details.mongoLabels
    }
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter
  }

  static {
    // A value as the errors of the language have it: Bun asks no getter for the first line of a stack.
    const value = 'MongoSessionStoreError'
    Object.defineProperty(this.prototype, 'name', { value, writable: true, configurable: true })
  }
}

/**
 * Makes the error of an object that the addon has sent. What is wrong with the options then was found out
 * later, for this `reason`.
 */
function fromNative({ code, message, cause, ...details }, reason) {
  // What is wrong there is the program, not the store.
  if (code === 'ERR_STORE_FILTER') return typeError(code, message)
  return new MongoSessionStoreError(code, message + lacking(details.mongoCode), {
    ...details,
    cause: causeOf(cause, code === 'ERR_STORE_OPTION' ? reason : undefined),
  })
}

/**
 * What the server lacks if it answers with one of these codes: `DollarPrefixedFieldName`, `DottedFieldName` and
 * `InvalidPipelineOperator`. MongoDB 5.0 and newer take every key, and have the `$setField` that changes it.
 */
function lacking(mongoCode) {
  if (![52, 57, 168].includes(mongoCode)) return ''
  return ": a session with '.' or '$' in a key needs MongoDB 5.0 or newer, and this server is older"
}

function causeOf(cause, reason) {
  if (typeof cause === 'string') return new Error(cause)
  return cause ? fromNative(cause, reason) : reason
}

/** The same error with another name for what was called. */
function renamed(error, from, to) {
  if (error instanceof MongoSessionStoreError) {
    error.message = error.message.replace(new RegExp(`\\b${from}\\b`), to)
  }
  return error
}

/** The errors that are about the program that calls the store, and not about what happens to its call. */
const mistakes = new WeakSet()

function isMistake(error) {
  return mistakes.has(error)
}

/** A TypeError with a code, for arguments and options. */
function typeError(code, message) {
  const error = new TypeError(message)
  error.code = code
  mistakes.add(error)
  return error
}

/** Why a method does not take an argument: which one, what it should be, and what came. */
function unfit(method, argument, wanted, given) {
  return typeError(
    'ERR_INVALID_ARG_TYPE',
    `the ${argument} of ${method} must be ${wanted}, got ${kindOf(given)}`,
  )
}

/** What is wrong with the options. */
function invalid(message) {
  return typeError('ERR_STORE_OPTION', message)
}

/** Why a session, or a value in it, is not written or cannot be read. */
function unstorable(message, cause) {
  return new MongoSessionStoreError('ERR_STORE_SERIALIZATION', message, { cause })
}

function tooLarge() {
  return new MongoSessionStoreError(
    'ERR_STORE_TOO_LARGE',
    `the session would take more than the ${MAX_BYTES} bytes that MongoDB accepts`,
  )
}

module.exports = {
  MAX_BYTES,
  MongoSessionStoreError,
  fromNative,
  invalid,
  isMistake,
  renamed,
  tooLarge,
  typeError,
  unfit,
  unstorable,
}
