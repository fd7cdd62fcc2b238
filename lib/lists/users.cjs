'use strict'
// Whose session it is.

const { invalid, unfit } = require('../error.cjs')
const { dropPromise, kindOf } = require('../kind.cjs')
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
  dropPromise(user)
  throw invalid(
    `option 'userId' must return ${A_USER}, or undefined for nobody, got ${kindOf(user)}`,
  )
}

const A_USER = 'a string without lone surrogates that is not empty, an integer or an ObjectId'

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

module.exports = { checkUserId, exceptionOf, textOf, textOfUser, userOf }
