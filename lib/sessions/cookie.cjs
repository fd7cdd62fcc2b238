'use strict'
// What the cookie of a session says of its lifetime, and whether that has changed.

const { isObject } = require('./session.cjs')

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

/**
 * How much a lifetime may differ that nobody has changed, in milliseconds: express-session computes it anew
 * at every request, of two readings of the clock.
 */
const DRIFT_MS = 100

/**
 * Whether a cookie says something else than the one that was loaded: another lifetime or another attribute.
 * The moment of its expiry moves by itself.
 */
function differs(loaded, cookie) {
  if (!isObject(loaded) || !isObject(cookie)) return false
  return (
    differsInLifetime(loaded.originalMaxAge, cookie.originalMaxAge) ||
    (loaded.path ?? '/') !== (cookie.path ?? '/') ||
    (loaded.httpOnly ?? true) !== (cookie.httpOnly ?? true) ||
    (loaded.domain ?? null) !== (cookie.domain ?? null) ||
    (loaded.secure ?? false) !== (cookie.secure ?? false) ||
    (loaded.sameSite ?? false) !== (cookie.sameSite ?? false) ||
    (loaded.priority ?? null) !== (cookie.priority ?? null) ||
    (loaded.partitioned ?? false) !== (cookie.partitioned ?? false)
  )
}

function differsInLifetime(loaded, lifetime) {
  if (typeof loaded !== 'number' || typeof lifetime !== 'number') {
    return (
      typeof loaded !== typeof lifetime &&
      (typeof loaded === 'number' || typeof lifetime === 'number')
    )
  }
  return Math.abs(loaded - lifetime) > DRIFT_MS
}

module.exports = { cookieExpires, differs, moveExpires, originalMaxAge }
