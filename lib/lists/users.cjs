'use strict'
// Whose session it is.

const { invalid, typeError } = require('../error.cjs')

/**
 * What the option `userId` answers for a session: the empty string for nobody, and undefined without
 * the option.
 */
function userOf(userId, session) {
  if (userId === undefined) return undefined
  const user = userId(session)
  if (user === undefined) return ''
  if (!isUser(user)) {
    throw invalid(
      "option 'userId' must return a string without lone surrogates that is not empty, or undefined for nobody",
    )
  }
  return user
}

/**
 * The option `userId`, and the top-level keys of a session that it has read so far. They are one thing where
 * a session is saved as a difference: whoever changes one of them writes all of them and the user, so that
 * of two parallel requests the later one decides about all of that, and no document says another user than
 * its session does.
 */
class Users {
  #userId
  #keys
  #hasKeys = true

  constructor(userId) {
    this.#userId = userId
  }

  /** Whose session it is, as `userOf` answers it. */
  of(session) {
    const user = userOf(this.#userId, session)
    if (user !== undefined && this.#hasKeys) this.#learn(session, user)
    return user
  }

  /** The keys; null if it may have read anything, undefined without the option. */
  get keys() {
    return this.#hasKeys ? this.#keys : null
  }

  #learn(session, user) {
    if (this.#keys === undefined) {
      this.#keys = []
      // What it does not find leads it to what else it looks for.
      this.#note(readBy(this.#userId, {}).keys)
    }
    const { keys, readsAll, answer } = readBy(this.#userId, session)
    this.#note(keys)
    const isSame = (answer ?? '') === user
    if (readsAll || !isSame || !this.#keys.every(isStoredKey)) this.#hasKeys = false
  }

  /** A new list where there are more: saves that wait for their turn go on with theirs. */
  #note(keys) {
    const found = keys.filter((key) => !this.#keys.includes(key))
    if (found.length > 0) this.#keys = [...this.#keys, ...found]
  }
}

/** What a function reads of a session, and what it answers; nothing if it fails. */
function readBy(userId, session) {
  const keys = new Set()
  const note = (target, key) => {
    // Neither the methods of a session nor its id are stored.
    const isStored = key in target ? Object.prototype.propertyIsEnumerable.call(target, key) : true
    if (typeof key === 'string' && isStored) keys.add(key)
  }
  let readsAll = typeof session.toJSON === 'function' || typeof session.toBSON === 'function'
  const watched = new Proxy(session, {
    get(target, key) {
      note(target, key)
      return Reflect.get(target, key)
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
  try {
    answer = userId(watched)
  } catch {
    // It needs what is not there, or the session itself.
  }
  return { keys: [...keys], readsAll, answer }
}

/** Whether a key stands in the database as it is. */
function isStoredKey(key) {
  return key.isWellFormed() && !/[\0\uFDD0]/.test(key)
}

/** A lone surrogate has no UTF-8, so two users with one could become the same. */
function isUser(user) {
  return typeof user === 'string' && user !== '' && user.isWellFormed()
}

/** Refuses a call about a user that cannot be one. */
function checkUser(userId, user) {
  if (userId === undefined) {
    throw invalid("the sessions of a user are only known with the option 'userId'")
  }
  if (!isUser(user)) {
    throw typeError(
      'ERR_INVALID_ARG_TYPE',
      'the user must be a string without lone surrogates that is not empty',
    )
  }
}

/** The session id to keep among the options of `destroyByUser`. */
function exceptionOf(options = {}) {
  if (options === null || typeof options !== 'object') {
    throw typeError('ERR_INVALID_ARG_TYPE', 'the options of destroyByUser must be an object')
  }
  const { except, ...others } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw typeError('ERR_INVALID_ARG_VALUE', `destroyByUser has no option '${unknown}'`)
  }
  if (except !== undefined && (typeof except !== 'string' || !except.isWellFormed())) {
    throw typeError(
      'ERR_INVALID_ARG_TYPE',
      'the session id must be a string without lone surrogates',
    )
  }
  return except
}

module.exports = { Users, checkUser, exceptionOf, userOf }
