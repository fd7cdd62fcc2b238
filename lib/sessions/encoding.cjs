'use strict'
// How a session is stored: as a document, as JSON text, or as what the application's own functions
// make of it. Which of them a stored one is, its document says; how one is written, the options.

const { types } = require('node:util')
const { answerWithin } = require('../calls/deadline.cjs')
const { MongoSessionStoreError, invalid, tooLarge, unstorable } = require('../error.cjs')
const { dropPromise, kindOf, tagOf } = require('../kind.cjs')
const { ApplicationBson } = require('./application-bson.cjs')
const { dropUnfit, moveExpires } = require('./cookie.cjs')
const { decode } = require('./decode.cjs')
const { encode } = require('./encode.cjs')
const { passInt64s } = require('./int64s.cjs')
const { parseAny } = require('./parse.cjs')
const { StoredState } = require('./stored-state.cjs')

class Encoding {
  #writesText
  #serialize
  #unserialize
  #encrypt
  #decrypt
  #timeoutMs
  #bson

  /**
   * `writesText` is what has become of the option `stringify`, `timeoutMs` of `operationTimeout`;
   * `clientOf` answers the MongoClient of the option `client`, as soon as there is one.
   */
  constructor({ serialize, unserialize, cryptoAdapter }, { writesText, timeoutMs, clientOf }) {
    this.#bson = new ApplicationBson(clientOf)
    this.#writesText = writesText
    this.#timeoutMs = timeoutMs
    this.#serialize = serialize
    this.#unserialize = unserialize
    this.#encrypt = cryptoAdapter?.encrypt?.bind(cryptoAdapter)
    this.#decrypt = cryptoAdapter?.decrypt.bind(cryptoAdapter)
  }

  /** Whether sessions are stored as documents of which single fields can be written. */
  get hasFields() {
    return !this.#writesText && this.#serialize === undefined && this.#encrypt === undefined
  }

  /** Whether the fields of a stored session are its keys, as far as it has fields. */
  get keepsKeys() {
    return this.#serialize === undefined
  }

  /** Whether the addon can compare a stored session with another one: what it is, is in its slots. */
  isComparable(slots, at) {
    return !isText(slots, at) || (this.#unserialize === undefined && this.#decrypt === undefined)
  }

  /**
   * Text and specials for the addon, whether the text is stored as it is, and the state that the
   * document will be in; perhaps a promise. `int64s` are those that were read in its place.
   */
  write(session, int64s) {
    const value = this.#serialize === undefined ? session : this.#serialized(session)
    if (this.#encrypt !== undefined) return this.#encrypted(jsonText(value))
    if (typeof value === 'string') {
      return whole({ text: wellFormed(value, 'serialize'), isText: true })
    }
    if (this.#serialize === undefined && this.#writesText) {
      return whole({ text: jsonText(value), isText: true })
    }
    const { text, specials } = encode(value, int64s)
    return whole({ text, specials })
  }

  #serialized(session) {
    let value
    try {
      value = this.#serialize(session)
    } catch (cause) {
      // What went wrong may quote the session, so no message of ours does.
      throw unstorable("the option 'serialize' failed", cause)
    }
    if (typeof value === 'string' || holdsFields(value)) return value
    throw unstorable(
      `the option 'serialize' must return an object or a string, got ${refused(value)}`,
    )
  }

  async #encrypted(text) {
    const encrypted = await answerWithin(this.#timeoutMs, () => this.#encrypt(text), {
      operation: 'set',
      waitedFor: "the option 'cryptoAdapter.encrypt'",
      failure: (cause) => unstorable("the option 'cryptoAdapter.encrypt' failed", cause),
    })
    return whole({ text: wellFormed(encrypted, 'cryptoAdapter.encrypt'), isText: true })
  }

  /**
   * The session for the slots in which the addon has put it; perhaps a promise. `operation` is the verb
   * that reads it.
   */
  read(slots, at, operation) {
    const text = slots[at]
    const cookieExpires = slots[at + 2]
    if (!isText(slots, at)) {
      const session = decode(text, slots[at + 1], cookieExpires, this.#bson)
      dropUnfit(session.cookie)
      if (this.#unserialize === undefined) return session
      const own = this.#unserialized(session)
      passInt64s(session, own)
      dropUnfit(own.cookie)
      // The addon finds no cookie that is not where it is in a session.
      setExpiry(own.cookie, cookieExpires)
      return own
    }
    if (this.#decrypt === undefined || isSession(parsed(text))) {
      return this.#ofText(text, cookieExpires)
    }
    return this.#decrypted(text, cookieExpires, operation)
  }

  async #decrypted(text, cookieExpires, operation) {
    const plain = await answerWithin(this.#timeoutMs, () => this.#decrypt(text), {
      operation,
      waitedFor: "the option 'cryptoAdapter.decrypt'",
      failure: (cause) =>
        new MongoSessionStoreError('ERR_STORE_DECRYPT', 'a stored session cannot be decrypted', {
          cause,
        }),
    })
    return this.#ofText(plain, cookieExpires)
  }

  #ofText(text, cookieExpires) {
    const session = this.#sessionOf(text)
    if (session === null || typeof session !== 'object' || Array.isArray(session)) {
      throw unstorable('a stored session is a text that is not JSON of an object')
    }
    dropUnfit(session.cookie)
    setExpiry(session.cookie, cookieExpires)
    return session
  }

  #sessionOf(text) {
    if (this.#unserialize === undefined) return readings(text)[0]
    if (this.#decrypt === undefined) return this.#unserialized(text)
    // What was encrypted does not say whether `serialize` had answered an object or a text. The reading is
    // meant of which `unserialize` makes a session.
    let other
    let failure
    for (const reading of readings(text)) {
      try {
        const session = this.#unserialized(reading)
        if (isSession(session)) return session
        other ??= session
      } catch (error) {
        failure ??= error
      }
    }
    if (other === undefined) throw failure
    return other
  }

  #unserialized(value) {
    let session
    try {
      session = this.#unserialize(value)
    } catch (cause) {
      throw unstorable("the option 'unserialize' failed for a stored session", cause)
    }
    if (holdsFields(session)) return opened(session)
    throw unstorable(`the option 'unserialize' must return an object, got ${refused(session)}`)
  }
}

/**
 * Whether a value is an object, of whatever class, that is no more than its fields. What other ones hold
 * is not in their fields: an array or a Map, or a promise, would be stored as an empty session.
 */
function holdsFields(value) {
  return tagOf(value) === 'Object' && typeof value.then !== 'function'
}

/** What a value is that was refused, in words. */
function refused(value) {
  dropPromise(value)
  return kindOf(value)
}

/** What is only ever written as a whole. */
function whole(written) {
  return { ...written, state: StoredState.incomparable() }
}

/**
 * The session such that it and its cookie can be changed, as express-session does at every request: what the
 * application makes of a stored session may be frozen.
 */
function opened(session) {
  const open = isClosed(session) ? copied(session) : session
  const { cookie } = open
  if (cookie !== null && typeof cookie === 'object' && isClosed(cookie)) {
    open.cookie = copied(cookie)
  }
  return open
}

/** Whether an object takes no new fields, or has some that cannot be changed. */
function isClosed(object) {
  const fields = Object.values(Object.getOwnPropertyDescriptors(object))
  const isFixed = ({ configurable, writable }) => !configurable || writable === false
  return !Object.isExtensible(object) || fields.some(isFixed)
}

function copied(object) {
  return Object.assign(Object.create(Object.getPrototypeOf(object)), object)
}

/**
 * A touch moves only the document's expiry; the session reads as touched. What was a Date before it became
 * JSON is one again, what was not stays in its form.
 */
function setExpiry(cookie, documentExpires) {
  const own = cookie?.expires ?? cookie?._expires
  const isDate = types.isDate(own) || (typeof own === 'string' && JSON_DATE.test(own))
  const moment = isDate ? new Date(own).getTime() : NaN
  if (!Number.isNaN(moment)) {
    delete cookie._expires
    cookie.expires = new Date(Math.max(moment, documentExpires ?? moment))
  } else if (
    documentExpires !== undefined &&
    ['number', 'string'].includes(typeof cookie?.expires)
  ) {
    moveExpires(cookie, documentExpires)
  }
}

/** How a text begins that JSON has made of a Date. */
const JSON_DATE = /^(?:[+-]\d\d)?\d{4}-\d\d-\d\dT/

/** Whether the addon has found a text in the place of a session. */
function isText(slots, at) {
  return slots[at + 4]?.[0] === true
}

function isSession(value) {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, 'cookie')
}

/**
 * What a text can stand for: the value in it if it is JSON, of which only objects and texts matter, and the
 * text itself behind that. Some write the JSON text of a JSON text.
 */
function readings(text) {
  const value = parsed(text)
  if (typeof value === 'string') return [...readings(value), text]
  return value !== null && typeof value === 'object' ? [value, text] : [text]
}

function parsed(text) {
  try {
    return parseAny(text)
  } catch {
    return undefined
  }
}

function jsonText(value) {
  if (typeof value === 'string') return value
  let text
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw textless(error)
  }
  // It may have a toJSON that makes something else of it.
  if (!text?.startsWith('{')) throw unstorable('a session must be an object')
  return text
}

/** What V8, and Bun's engine, say when they make no text of a value, and what that means. */
const WITHOUT_TEXT = [
  ['Converting circular structure', 'refers to itself in a cycle'],
  ['JSON.stringify cannot serialize cyclic', 'refers to itself in a cycle'],
  ['Do not know how to serialize a BigInt', 'holds a BigInt, which JSON has no text for,'],
  ['JSON.stringify cannot serialize BigInt', 'holds a BigInt, which JSON has no text for,'],
  ['Maximum call stack size exceeded', 'is nested too deeply'],
]

/** Why a session has no JSON text. The message of the error may quote the session. */
function textless(error) {
  const message = String(error?.message)
  if (error instanceof RangeError && message === 'Invalid string length') return tooLarge()
  const [, reason = 'has a getter or a toJSON that failed'] =
    WITHOUT_TEXT.find(([beginning]) => message.startsWith(beginning)) ?? []
  return unstorable(`the session ${reason} and cannot be stored`)
}

function wellFormed(text, option) {
  if (typeof text !== 'string') {
    throw unstorable(`the option '${option}' must return a string, got ${refused(text)}`)
  }
  if (!text.isWellFormed()) throw unstorable(`the option '${option}' returned a lone surrogate`)
  return text
}

/** Checks what the option `cryptoAdapter` holds. */
function checkAdapter(cryptoAdapter) {
  for (const name of ['encrypt', 'decrypt']) {
    const type = typeof cryptoAdapter[name]
    // Without `encrypt` it only reads what was encrypted before.
    if (type !== 'function' && !(name === 'encrypt' && type === 'undefined')) {
      throw invalid(`option 'cryptoAdapter.${name}' must be a function, got ${type}`)
    }
  }
}

module.exports = { Encoding, checkAdapter }
