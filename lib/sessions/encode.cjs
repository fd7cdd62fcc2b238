'use strict'
// A session on its way to the addon: to JSON text and a list of what JSON cannot carry.
//
// Most sessions hold nothing but what JSON can carry, so that is found out first, without copying
// anything below the top level.

const { tooLarge } = require('../error.cjs')
const { copyCookie } = require('./cookie.cjs')
const { SpecialEncoder } = require('./encode-special.cjs')
const { MAX_TEXT } = require('./limits.cjs')
const { isPlain } = require('./plain.cjs')
const { isObject } = require('./session.cjs')
const { StoredState, objectText } = require('./stored-state.cjs')

/** Text and specials of a session, and the state that it will be in when they are stored. */
function encode(session) {
  let isPlain = true
  const { text, specials } = fitting(() => {
    const encoded = encodePlain(session)
    isPlain = encoded !== undefined
    return encoded ?? new SpecialEncoder().encode(session)
  })
  const state = new StoredState(text, specials)
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
 * so that the addon judges. If one of the keys that belong `together` is among them, all are. Undefined if
 * this cannot be told from the texts.
 */
function encodeChanges(session, states, together = []) {
  return fitting(() => encodeFields(session, states, together))
}

function encodeFields(session, states, together) {
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
  complete(changed, fields, known, together)
  const bases = known.flatMap((state) => {
    const differs = ([key]) => changed.has(key) || !fields.has(key)
    return [objectText('"cookie":null', [...state].filter(differs)), '']
  })
  const text = objectText(`"cookie":${JSON.stringify(cookie)}`, changed)
  return { text, specials, bases, state: StoredState.ofFields(fields) }
}

/** Counts all of the keys that belong together as changed, if any of them is. */
function complete(changed, fields, known, together) {
  const keys = together.map((name) => JSON.stringify(name))
  const isGone = (key) => !fields.has(key) && known.some((state) => state.has(key))
  if (!keys.some((key) => changed.has(key) || isGone(key))) return
  for (const key of keys) if (fields.has(key)) changed.set(key, fields.get(key))
}

module.exports = { encode, encodeChanges }
