'use strict'
// Whose session it is.

const { invalid, unfit } = require('../error.cjs')
const { kindOf } = require('../kind.cjs')
const { optionsOf } = require('./place.cjs')

/**
 * What the option `userId` answers for a session, as a text: the empty one for nobody, and undefined
 * without the option.
 */
function userOf(userId, session) {
  if (userId === undefined) return undefined
  const user = userId(session)
  if (user === undefined) return ''
  const text = textOf(user)
  if (text !== undefined) return text
  // One that fails would end the process.
  if (typeof user?.then === 'function') Promise.resolve(user).catch(() => {})
  throw invalid(
    `option 'userId' must return ${A_USER}, or undefined for nobody, got ${kindOf(user)}`,
  )
}

const A_USER = 'a string without lone surrogates that is not empty, an integer or an ObjectId'

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
    const isSame = (answer === undefined ? '' : textOf(answer)) === user
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

/** The texts of values of bson that name users. What only looks like one has another text. */
const OF_BSON = {
  ObjectId: /^[0-9a-f]{24}$/,
  ObjectID: /^[0-9a-f]{24}$/,
  Int32: /^-?\d+$/,
  Long: /^-?\d+$/,
}

/**
 * The text by which a user is known, as applications name theirs; undefined for what can be none. A lone
 * surrogate has no UTF-8, and a number that is no integer may be another one when it comes back, so that
 * two users could become the same.
 */
function textOf(user) {
  if (typeof user === 'string') return user !== '' && user.isWellFormed() ? user : undefined
  if (typeof user === 'bigint' || Number.isSafeInteger(user)) return String(user)
  const isOfBson = typeof user === 'object' && Object.hasOwn(OF_BSON, user?._bsontype)
  if (!isOfBson) return undefined
  const text = user.toString?.()
  return typeof text === 'string' && OF_BSON[user._bsontype].test(text) ? text : undefined
}

/** The text of the user that a call is about, unless it cannot be one. */
function textOfUser(method, userId, user) {
  checkUserId(method, userId)
  const text = textOf(user)
  if (text === undefined) throw unfit(method, 'user', A_USER, user)
  return text
}

/** Refuses a call that needs the option. */
function checkUserId(method, userId) {
  if (userId === undefined) {
    throw invalid(
      `${method} needs the option 'userId', without which nobody knows whose the sessions are`,
    )
  }
}

/** The session id to keep among the options of `destroyByUser`. */
function exceptionOf(options) {
  const { except } = optionsOf('destroyByUser', options, ['except'])
  if (except !== undefined && (typeof except !== 'string' || !except.isWellFormed())) {
    throw unfit(
      'destroyByUser',
      "option 'except'",
      'a session id, a string without lone surrogates',
      except,
    )
  }
  return except
}

module.exports = { Users, checkUserId, exceptionOf, textOf, textOfUser, userOf }
