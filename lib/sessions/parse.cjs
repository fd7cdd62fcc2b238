'use strict'
// JSON text whose keys hold escapes. V8 13.6 and 14.6 (Node 24 and 26) read such keys as others that they have
// seen before: https://github.com/nodejs/node/issues/63785. Values are not concerned.

const SPACE = 32

/** The value of a text from the addon, which begins with a space if a key holds an escape. */
function parse(text) {
  return text.charCodeAt(0) === SPACE ? new Reader(text).read() : JSON.parse(text)
}

/** The value of any other text, or an exception as of JSON.parse. */
function parseAny(text) {
  const value = JSON.parse(text)
  return mayHaveEscapedKeys(text) ? new Reader(text).read() : value
}

/** Whether an escape follows the beginning of what can be a key. */
function mayHaveEscapedKeys(text) {
  return text.includes('\\') && /[{,]\s*"[^"\\]*\\/.test(text)
}

/** Reads JSON text that is known to be right, with JSON.parse for all but objects and arrays. */
class Reader {
  #text
  #at = 0

  constructor(text) {
    this.#text = text
  }

  read() {
    switch (this.#next()) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      default:
        return JSON.parse(this.#token())
    }
  }

  #object() {
    const object = {}
    while (this.#goesOn('}')) {
      this.#next()
      const key = JSON.parse(this.#token())
      this.#next()
      this.#at++
      // An assignment to __proto__ would set the prototype.
      Object.defineProperty(object, key, {
        value: this.read(),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return object
  }

  #array() {
    const array = []
    while (this.#goesOn(']')) array.push(this.read())
    return array
  }

  /** Steps behind the opening bracket or a comma; whether something follows that is not the end. */
  #goesOn(end) {
    const isFirst = '{['.includes(this.#next())
    if (isFirst || this.#next() === ',') this.#at++
    if (this.#next() !== end) return true
    this.#at++
    return false
  }

  /** The next character that is no white space. */
  #next() {
    SPACES.lastIndex = this.#at
    SPACES.test(this.#text)
    this.#at = SPACES.lastIndex
    return this.#text[this.#at]
  }

  /** Steps behind a string, a number or a name, and answers it. */
  #token() {
    const start = this.#at
    if (this.#text[start] === '"') {
      this.#at = endOfString(this.#text, start)
    } else {
      NAME.lastIndex = start
      NAME.test(this.#text)
      this.#at = NAME.lastIndex
    }
    return this.#text.slice(start, this.#at)
  }
}

/** Behind the quote that ends a string: one with an even number of backslashes in front of it. */
function endOfString(text, start) {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at)
    let before = at
    while (text[before - 1] === '\\') before--
    if ((at - before) % 2 === 0) return at + 1
  }
}

const SPACES = /\s*/y
const NAME = /[^\s,:\]}]+/y

module.exports = { parse, parseAny }
