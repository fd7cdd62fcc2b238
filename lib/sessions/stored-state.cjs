'use strict'
// A state that a session may have in the database, to tell what a save changes.

/** The JSON text of a session as it is stored, and what JSON cannot carry of it. */
class StoredState {
  /** Whose session it is according to the document; empty for nobody's. */
  user = ''
  isComparable = true
  /** Whether JSON carries all of it but the cookie. */
  isPlain
  #text
  #places
  #fields

  /**
   * `places` says where the fields other than the cookie lie in the text: key, value and end of
   * each, as the addon sends them for large sessions without special values.
   */
  constructor(text, specials, places) {
    this.#text = text
    this.specials = specials ?? ''
    this.isPlain = this.specials === ''
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
    return state
  }

  /** The text of the session. One made of fields has a cookie of which it only says that it is. */
  get text() {
    this.#text ??= objectText('"cookie":null', this.#fields)
    return this.#text
  }

  /** The texts of the values by the texts of their keys, or undefined if the parts are not known. */
  get fields() {
    if (this.#fields === undefined && this.#places !== undefined) {
      const places = this.#places.split(',').map(Number)
      this.#fields = new Map()
      for (let at = 0; at + 2 < places.length; at += 3) {
        const key = this.#text.slice(places[at], places[at + 1] - 1)
        this.#fields.set(key, this.#text.slice(places[at + 1], places[at + 2]))
      }
    }
    return this.#fields
  }

  /**
   * The same of any plain state, from its text: slower, and each value in the one form that
   * JSON.stringify gives it, whoever has written the text.
   */
  get normalFields() {
    const { cookie: _cookie, ...fields } = JSON.parse(this.text)
    return new Map(Object.entries(fields).map((field) => field.map((part) => JSON.stringify(part))))
  }
}

/** The text of an object with a first field and others. */
function objectText(first, fields) {
  let text = `{${first}`
  for (const [key, value] of fields) text += `,${key}:${value}`
  return `${text}}`
}

module.exports = { StoredState, objectText }
