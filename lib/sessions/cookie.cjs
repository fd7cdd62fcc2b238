'use strict'
// What the cookie of a session says of its lifetime.

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

module.exports = { cookieExpires, originalMaxAge }
