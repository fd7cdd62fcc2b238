'use strict'
// A session on its way to the addon: to JSON text and a list of what JSON cannot carry.

const { tooLarge } = require('../error.cjs')
const { Encoder, isStored, put } = require('./encoder.cjs')
const { withInt64s } = require('./int64s.cjs')
const { MAX_TEXT } = require('./limits.cjs')
const { isObject } = require('./session.cjs')
const { StoredState, fieldState, textOf } = require('./stored-state.cjs')

/**
 * Text and specials of a session, and the state that it will be in when they are stored. `int64s` are the
 * numbers that are 64-bit integers in the database.
 */
function encode(session, int64s) {
  return fitting(() => {
    const encoder = new Encoder()
    const object = encoder.session(session)
    const copy = {}
    const specials = []
    let isPlain = true
    let position = 0
    for (const key of Object.keys(object)) {
      const written = encoder.field(key, valueOf(object, key, int64s))
      if (!isStored(written)) continue
      put(copy, key, written)
      if (encoder.specials.length > 0) {
        for (const special of encoder.specials) specials.push(`${position},${special}`)
        if (key !== 'cookie') isPlain = false
      }
      position++
    }
    const text = JSON.stringify(copy)
    const list = specials.length === 0 ? '' : `[${specials.join()}]`
    const state = new StoredState(text, list)
    state.isPlain = isPlain
    return { text, specials: list, state }
  })
}

function valueOf(object, key, int64s) {
  const value = object[key]
  const own = int64s?.get(key)
  return own === undefined ? value : withInt64s(value, own)
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
 * The same of a session that is known to be in one of some states: only the fields that are not the
 * same in all of them, and of the states only what the addon has to compare with it. What is written the
 * same is the same value; what is written otherwise need not be another, so that the addon judges. If one
 * of the keys of a group is among them, all of that group are. Undefined if this cannot be told field by field.
 */
function encodeChanges(session, states, groups, int64s) {
  return fitting(() => encodeFields(session, states, groups, int64s))
}

function encodeFields(session, states, groups, int64s) {
  const known = states.map((state) => state.fields)
  if (known.includes(undefined) || !isObject(session.cookie)) return undefined
  if (typeof session.toJSON === 'function' || typeof session.toBSON === 'function') return undefined
  const encoder = new Encoder()
  const fields = new Map()
  const changed = new Map()
  let cookie
  for (const name of Object.keys(session)) {
    const written = encoder.field(name, valueOf(session, name, int64s))
    if (!isStored(written)) continue
    const value = fieldState(JSON.stringify(written), encoder.specials)
    if (name === 'cookie') {
      cookie = value
      continue
    }
    const key = JSON.stringify(name)
    const isSame = known.every((state) => state.get(key) === value)
    if (!isSame) changed.set(key, value)
    // Of two equal texts the older one is kept, so that the new one is collected while it is young.
    fields.set(key, isSame ? known[0].get(key) : value)
  }
  // A cookie that is no field of its own is none that is stored.
  if (cookie === undefined) return undefined
  complete(changed, fields, known, groups)
  const bases = known.flatMap((state) => {
    const differs = ([key]) => changed.has(key) || !fields.has(key)
    const { text, specials } = textOf('null', [...state].filter(differs))
    return [text, specials]
  })
  return { ...textOf(cookie, changed), bases, state: StoredState.ofFields(fields) }
}

/** Counts all of the keys of a group as changed, if any of them is. A key may be in several groups. */
function complete(changed, fields, known, groups) {
  const isGone = (key) => !fields.has(key) && known.some((state) => state.has(key))
  let left = groups.map((names) => names.map((name) => JSON.stringify(name)))
  for (let count = 0; count !== left.length;) {
    count = left.length
    left = left.filter((keys) => {
      if (!keys.some((key) => changed.has(key) || isGone(key))) return true
      for (const key of keys) if (fields.has(key)) changed.set(key, fields.get(key))
      return false
    })
  }
}

module.exports = { encode, encodeChanges }
