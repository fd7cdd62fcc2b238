'use strict'
// A state that a session may have in the database, to tell what a save changes.

const { parseAny } = require('./parse.cjs')

/** The JSON text of a session as it is stored, and what JSON cannot carry of it. */
class StoredState {
  /** Whose session it is according to the document; empty for nobody's. */
  user = ''
  /** Whether the document has a public name for the session; undefined if that is not known. */
  hasHandle
  isComparable = true
  /** Whether JSON carries all of it but the cookie. */
  isPlain
  #text
  #specials
  #places
  #fields

  /**
   * `places` says where the fields other than the cookie lie in the text: key, value and end of
   * each, as the addon sends them for large sessions.
   */
  constructor(text, specials, places) {
    this.#text = text
    this.#specials = specials ?? ''
    this.isPlain = this.#specials === ''
    this.#places = places
  }

  /** A state of which nothing is known that could be compared with. */
  static incomparable() {
    const state = new StoredState()
    state.isComparable = false
    return state
  }

  /** A state of which only the fields other than the cookie are known. */
  static ofFields(fields) {
    const state = new StoredState()
    state.#fields = fields
    state.isPlain = ![...fields.values()].some((value) => value.includes(SEPARATOR))
    return state
  }

  /** The text of the session. One made of fields has a cookie of which it only says that it is. */
  get text() {
    if (this.#text === undefined) this.#join()
    return this.#text
  }

  /** What JSON cannot carry of it, as the addon takes it. */
  get specials() {
    if (this.#text === undefined) this.#join()
    return this.#specials
  }

  #join() {
    const { text, specials } = textOf('null', this.#fields)
    this.#text = text
    this.#specials = specials
  }

  /** The states of the fields by the texts of their keys, or undefined if the parts are not known. */
  get fields() {
    if (this.#fields === undefined && this.#places !== undefined) {
      const places = this.#places.split(',')
      const specials = this.#specials === '' ? undefined : byField(this.#specials)
      this.#fields = new Map()
      for (let at = 0; at + 2 < places.length; at += 3) {
        const key = this.#text.slice(places[at], places[at + 1] - 1)
        const text = this.#text.slice(places[at + 1], places[at + 2])
        this.#fields.set(key, fieldState(text, specials?.get(key)))
      }
    }
    return this.#fields
  }

  /**
   * The same of any plain state, from its text: slower, and each value in the one form that
   * JSON.stringify gives it, whoever has written the text.
   */
  get normalFields() {
    const { cookie: _cookie, ...fields } = parseAny(this.text)
    return new Map(Object.entries(fields).map((field) => field.map((part) => JSON.stringify(part))))
  }
}

/** What JSON text never holds. */
const SEPARATOR = '\n'

/** What a field is stored as, in one string: its text, and behind it what JSON cannot carry of it. */
function fieldState(text, specials) {
  if (specials === undefined || specials.length === 0) return text
  return `${text}${SEPARATOR}${specials.join(SEPARATOR)}`
}

/** What the addon lists as specials of a session, by the text of the field's key, as `Encoder` writes it. */
function byField(text) {
  const list = JSON.parse(text)
  const fields = new Map()
  let specials
  for (let at = 0; at < list.length; at += 5) {
    const [, ordinal, path, type, payload] = list.slice(at, at + 5)
    // The first path of a field shares no step with the one before.
    if (path[0] === 0) fields.set(JSON.stringify(path[1]), (specials = []))
    specials.push(`${ordinal},0,"${type}",${JSON.stringify(payload)}`)
  }
  return fields
}

/** Text and specials of a session, from the states of its cookie and of the other fields. */
function textOf(cookie, fields) {
  let text = ''
  const specials = []
  let position = 0
  const add = (key, state) => {
    const end = state.indexOf(SEPARATOR)
    text += `${position === 0 ? '{' : ','}${key}:${end < 0 ? state : state.slice(0, end)}`
    if (end >= 0) {
      const own = state.slice(end + 1).split(SEPARATOR)
      for (const special of own) specials.push(`${position},${special}`)
    }
    position++
  }
  add('"cookie"', cookie)
  for (const [key, state] of fields) add(key, state)
  return { text: `${text}}`, specials: specials.length === 0 ? '' : `[${specials.join()}]` }
}

module.exports = { StoredState, fieldState, textOf }
