'use strict'
// Sessions as express-session-mongodb stores them with its option `Filter`.

const { filterKeys, unfilterKeys } = require('./filter-keys.cjs')

/** What is stored of a session. */
function serialize(session) {
  const stored = filterKeys(session)
  if (isObject(stored?.cookie)) stored.cookie = storedCookie(stored.cookie)
  return stored
}

/** The session for what was stored, be it by the other package. */
function unserialize(stored) {
  // A JSON string was written with other options, and its keys as they are.
  const session = typeof stored === 'string' ? JSON.parse(stored) : unfilterKeys(stored)
  if (isObject(session?.cookie)) session.cookie = readCookie(session.cookie)
  return session
}

/** The other package makes an empty object of every Date that it stores or reads, and spares text. */
function storedCookie({ _expires, expires = _expires, ...cookie }) {
  return { ...cookie, expires: momentOf(expires)?.toISOString() ?? null }
}

/**
 * A cookie without what the other package stores of the prototype of express-session's Cookie. The
 * lifetime that it had left when it was stored is all that tells its expiry then, and is given to it
 * anew, as there.
 */
function readCookie({ _expires, expires = _expires, maxAge, ...cookie }) {
  const { data: _data, serialize: _serialize, toJSON: _toJSON, ...fields } = cookie
  const isLeft = typeof maxAge === 'number'
  const moment = momentOf(expires) ?? (isLeft ? new Date(Date.now() + maxAge) : null)
  return { ...fields, expires: moment }
}

/** What is a moment as a Date, anything else as null. */
function momentOf(value) {
  if (!(value instanceof Date) && typeof value !== 'string') return null
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? null : date
}

function isObject(value) {
  return value !== null && typeof value === 'object'
}

module.exports = { serialize, unserialize }
