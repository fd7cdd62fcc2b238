'use strict'
// A session at the boundary: to JSON text and a list of what JSON cannot carry, and back.
//
// Most sessions hold nothing but what JSON can carry, so that is found out first, without copying
// anything below the top level. Only a session with special values is copied, with null in their
// places; the addon puts them back by counting nulls.

const { types } = require('node:util')
const { MAX_BYTES, toSpecial, fromSpecial, tooLarge, unstorable } = require('./bson.cjs')
const { State, objectText } = require('./state.cjs')

/** How deep a session may nest, itself included; MAX_DEPTH of src/codec/mod.rs. */
const MAX_DEPTH = 178

/** More elements than fit into a document, each taking a type, a one-letter key, NUL. */
const MAX_ELEMENTS = MAX_BYTES / 3

/** More text than fits: nothing takes more of it for a byte than a control character, `\u0000`. */
const MAX_TEXT = 6 * MAX_BYTES

/** More of what JSON cannot carry than fits: base64 takes four characters for three bytes. */
const MAX_PAYLOADS = 2 * MAX_BYTES

/** Text and specials of a session, and the state that it will be in when they are stored. */
function encode(session) {
  let isPlain = true
  const { text, specials } = fitting(() => {
    const encoded = encodePlain(session)
    isPlain = encoded !== undefined
    return encoded ?? new Encoder().encode(session)
  })
  const state = new State(text, specials)
  state.isPlain ||= isPlain
  return { text, specials, state }
}

/** What `encoding` answers, unless its text is too long for any document, or for V8 in the first place. */
function fitting(encoding) {
  let encoded
  try {
    encoded = encoding()
  } catch (error) {
    throw error instanceof RangeError && /string length/.test(error.message) ? tooLarge() : error
  }
  if (encoded?.text.length > MAX_TEXT) throw tooLarge()
  return encoded
}

/**
 * The text of a session whose only special value is the cookie's expiry, or undefined for any
 * other. The cookie has to come first, as express-session has it, so that its nulls are the first.
 */
function encodePlain(session) {
  if (typeof session.toJSON === 'function' || typeof session.toBSON === 'function') return undefined
  const copy = {}
  const walk = { elements: 0 }
  let specials = ''
  let first = true
  for (const key of Object.keys(session)) {
    const value = session[key]
    if (key === 'cookie' && isObject(value)) {
      if (!first) return undefined
      specials = copyCookie(value, (copy.cookie = {}))
      if (specials === undefined) return undefined
    } else {
      if (key === '__proto__' || !isPlain(value, 2, walk)) return undefined
      copy[key] = value
    }
    first = false
  }
  return { text: JSON.stringify(copy), specials }
}

/**
 * The same of a session that is known to be in one of some states: only the fields that are not the
 * same in all of them, and of the states only what the addon has to compare with it. A text that is
 * the same is the same value, since there are no special ones; one that differs need not be another,
 * so that the addon judges. Undefined if this cannot be told from the texts.
 */
function encodeChanges(session, states) {
  return fitting(() => encodeFields(session, states))
}

function encodeFields(session, states) {
  const known = states.map((state) => state.fields)
  if (known.includes(undefined) || !isObject(session.cookie)) return undefined
  if (typeof session.toJSON === 'function' || typeof session.toBSON === 'function') return undefined
  const cookie = {}
  const specials = copyCookie(session.cookie, cookie)
  if (specials === undefined) return undefined
  const walk = { elements: 0 }
  const fields = new Map()
  const changed = new Map()
  for (const name of Object.keys(session)) {
    if (name === 'cookie') continue
    const value = session[name]
    if (!isPlain(value, 2, walk)) return undefined
    const text = JSON.stringify(value)
    if (text === undefined) continue
    const key = JSON.stringify(name)
    const isSame = known.every((state) => state.get(key) === text)
    if (!isSame) changed.set(key, text)
    // Of two equal texts the older one is kept, so that the new one is collected while it is young.
    fields.set(key, isSame ? known[0].get(key) : text)
  }
  const bases = known.flatMap((state) => {
    const differs = ([key]) => changed.has(key) || !fields.has(key)
    return [objectText('"cookie":null', [...state].filter(differs)), '']
  })
  const text = objectText(`"cookie":${JSON.stringify(cookie)}`, changed)
  return { text, specials, bases, state: State.ofFields(fields) }
}

/**
 * Copies the fields of a Cookie. They are stored as they are, not as its toJSON presents them,
 * because the documented package does so. Answers the specials, or undefined if there are others
 * than dates.
 */
function copyCookie(cookie, copy) {
  const specials = []
  let nulls = 0
  for (const key of Object.keys(cookie)) {
    const value = cookie[key]
    if (key === '__proto__') return undefined
    if (value === null) {
      copy[key] = null
      nulls++
    } else if (typeof value !== 'object') {
      if (!isPlain(value, 2)) return undefined
      copy[key] = value
    } else if (types.isDate(value)) {
      const moment = value.getTime()
      copy[key] = null
      if (!Number.isNaN(moment)) specials.push(nulls, 0, '"date"', moment)
      nulls++
    } else {
      return undefined
    }
  }
  return specials.length === 0 ? '' : `[${specials.join()}]`
}

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

/** Copies a session with special values, in the order in which JSON.stringify will go. */
class Encoder {
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

function isObject(value) {
  return value !== null && typeof value === 'object'
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

/** The session for what the addon has read. */
function decode(text, specials, cookieExpires) {
  const session = JSON.parse(text)
  if (cookieExpires !== undefined) session.cookie.expires = new Date(cookieExpires)
  if (specials !== undefined) {
    const list = JSON.parse(specials)
    const holders = [session]
    for (let index = 0; index < list.length; index += 4) {
      const holder = follow(holders, list[index + 1])
      const key = list[index + 1].at(-1)
      // Of equal keys, which a stored document may have, JSON.parse keeps the last one's value.
      if (own(holder, key) === null) holder[key] = fromSpecial(list[index + 2], list[index + 3])
    }
  }
  return session
}

/**
 * What holds the value at the end of a path. `holders` are those on the path before, from the session
 * on; the first number of a path says how many steps of them it shares.
 */
function follow(holders, path) {
  holders.length = path[0] + 1
  for (let index = 1; index < path.length - 1; index++) {
    holders.push(own(holders.at(-1), path[index]))
  }
  return holders.at(-1)
}

/** What an object holds itself under a key, be it `__proto__`. */
function own(holder, key) {
  return isObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined
}

/** Whether a value can be a session: JSON has an object for it. */
function isData(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Whether an object is a Session of express-session, of whatever copy of it. */
function isSession(object) {
  return typeof object.regenerate === 'function' && typeof object.save === 'function'
}

/** The moment at which a session's cookie expires, in milliseconds, or undefined. */
function cookieExpires(session) {
  const expires = session?.cookie?.expires ?? session?.cookie?._expires
  if (!expires) return undefined
  const moment = new Date(expires).getTime()
  return Number.isNaN(moment) ? undefined : moment
}

/** The lifetime that the cookie of a session was given, in milliseconds, or undefined if it has none. */
function originalMaxAge(session) {
  const lifetime = session.cookie?.originalMaxAge
  return typeof lifetime === 'number' && !Number.isNaN(lifetime) ? lifetime : undefined
}

module.exports = {
  encode,
  encodeChanges,
  decode,
  isData,
  isSession,
  cookieExpires,
  originalMaxAge,
}
