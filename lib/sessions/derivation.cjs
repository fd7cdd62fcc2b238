'use strict'
// Values that stand beside a session and are made of what it holds by a function of the application: whose it
// is, and by what it is found.

const { isDeepStrictEqual } = require('node:util')

/**
 * Such a function, and the top-level keys of a session that it has read so far. They are one thing with the value
 * where a session is saved as a difference: whoever changes one of them writes all of them and the value, so that
 * of two parallel requests the later one decides about all of that, and no document has another value than its
 * session makes.
 */
class Derivation {
  #derive
  #keys
  #hasKeys = true

  /** `derive` answers the value for a session. */
  constructor(derive) {
    this.#derive = derive
  }

  /** The value for a session. */
  of(session) {
    const value = this.#derive(session)
    if (this.#hasKeys) this.#learn(session, value)
    return value
  }

  /** The keys; null if it may have read anything, undefined before it was called for the first time. */
  get keys() {
    return this.#hasKeys ? this.#keys : null
  }

  #learn(session, value) {
    if (this.#keys === undefined) {
      this.#keys = []
      this.#explore()
    }
    const { keys, readsAll, answer, failed } = readBy(this.#derive, session)
    this.#note(keys)
    const isSame = !failed && isDeepStrictEqual(answer, value)
    if (readsAll || !isSame || !this.#keys.every(isStoredKey)) this.#hasKeys = false
  }

  /**
   * What it does not find leads it to what else it looks for, and what it finds to more: it is shown a session
   * without anything, with everything, and with each of the keys that it looks for.
   */
  #explore() {
    this.#note(readBy(this.#derive, {}).keys)
    for (const found of FOUND) this.#note(readBy(this.#derive, {}, found).keys)
    for (let at = 0; at < Math.min(this.#keys.length, MOST_EXPLORED); at++) {
      for (const found of FOUND) this.#note(readBy(this.#derive, { [this.#keys[at]]: found }).keys)
    }
  }

  /** A new list where there are more: saves that wait for their turn go on with theirs. */
  #note(keys) {
    const found = keys.filter((key) => !this.#keys.includes(key))
    if (found.length > 0) this.#keys = [...this.#keys, ...found]
  }
}

/** What a function is made to find. */
const FOUND = [Object.freeze({}), true]

/** How often it finds something in a session with everything: one that goes on for as long as it does would never end. */
const MOST_FOUND = 100

/** How many keys are shown to it by themselves. */
const MOST_EXPLORED = 20

/**
 * What a function reads of a session, and what it answers, unless it has failed. What the session has not, it
 * finds as `found`.
 */
function readBy(derive, session, found) {
  const keys = new Set()
  let count = 0
  const note = (target, key) => {
    // Neither the methods of a session nor its id are stored.
    const isStored = key in target ? Object.prototype.propertyIsEnumerable.call(target, key) : true
    if (typeof key === 'string' && isStored) keys.add(key)
  }
  let readsAll = typeof session.toJSON === 'function' || typeof session.toBSON === 'function'
  const watched = new Proxy(session, {
    get(target, key) {
      note(target, key)
      if (found === undefined || typeof key === 'symbol') return Reflect.get(target, key)
      if (++count > MOST_FOUND) throw new RangeError('no session holds so much')
      return found
    },
    has(target, key) {
      note(target, key)
      return Reflect.has(target, key)
    },
    getOwnPropertyDescriptor(target, key) {
      note(target, key)
      return Reflect.getOwnPropertyDescriptor(target, key)
    },
    ownKeys(target) {
      readsAll = true
      return Reflect.ownKeys(target)
    },
  })
  let answer
  let failed = false
  try {
    answer = derive(watched)
  } catch {
    // It needs what is not there, or the session itself.
    failed = true
  }
  return { keys: count > MOST_FOUND ? [] : [...keys], readsAll, answer, failed }
}

/** Whether a key stands in the database as it is. */
function isStoredKey(key) {
  return key.isWellFormed() && !/[\0\uFDD0]/.test(key)
}

module.exports = { Derivation }
