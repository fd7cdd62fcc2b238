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
      "option 'userId' must return a well-formed string that is not empty, or undefined for nobody",
    )
  }
  return user
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
      'the user must be a well-formed string that is not empty',
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
    throw typeError('ERR_INVALID_ARG_TYPE', 'the session id must be a well-formed string')
  }
  return except
}

module.exports = { checkUser, exceptionOf, userOf }
