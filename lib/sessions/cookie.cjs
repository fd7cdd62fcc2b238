'use strict'
// The cookie of a session: what is stored of it, and what it says of the lifetime.

const { types } = require('node:util')
const { isPlain } = require('./plain.cjs')

/**
 * Copies the fields of a Cookie. They are stored as they are, not as its toJSON presents them,
 * because the documented package does so. Answers the specials, or undefined if there are others
 * than dates.
 */
function copyCookie(cookie, copy) {
  const specials = []
  let nulls = 0
  for (const key of Object.keys(cookie)) {
    const value = cookie[key]
    if (key === '__proto__') return undefined
    if (value === null) {
      copy[key] = null
      nulls++
    } else if (typeof value !== 'object') {
      if (!isPlain(value, 2)) return undefined
      copy[key] = value
    } else if (types.isDate(value)) {
      const moment = value.getTime()
      copy[key] = null
      if (!Number.isNaN(moment)) specials.push(nulls, 0, '"date"', moment)
      nulls++
    } else {
      return undefined
    }
  }
  return specials.length === 0 ? '' : `[${specials.join()}]`
}

/** The moment at which a session's cookie expires, in milliseconds, or undefined. */
function cookieExpires(session) {
  const expires = session?.cookie?.expires ?? session?.cookie?._expires
  if (!expires) return undefined
  const moment = new Date(expires).getTime()
  return Number.isNaN(moment) ? undefined : moment
}

/** The lifetime that the cookie of a session was given, in milliseconds, or undefined if it has none. */
function originalMaxAge(session) {
  const lifetime = session.cookie?.originalMaxAge
  return typeof lifetime === 'number' && !Number.isNaN(lifetime) ? lifetime : undefined
}

module.exports = { cookieExpires, copyCookie, originalMaxAge }
