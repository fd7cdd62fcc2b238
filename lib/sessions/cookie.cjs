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

/**
 * Moves the expiry of a cookie that was read to this moment: a Date, unless the application has stored it in
 * a form of its own, in which it is at least what it was.
 */
function moveExpires(cookie, moment) {
  const own = cookie.expires
  if (typeof own === 'number') {
    cookie.expires = Math.max(own, moment)
  } else if (typeof own !== 'string') {
    cookie.expires = new Date(moment)
  } else if (Date.parse(own) < moment) {
    cookie.expires = new Date(moment).toUTCString()
  }
}

module.exports = { cookieExpires, moveExpires, originalMaxAge }
