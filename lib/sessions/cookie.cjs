'use strict'
// The cookie of a session: what it says of its lifetime, whether that has changed, and what no header can be
// made of.

const { types } = require('node:util')
const { isObject } = require('./session.cjs')

/** The last moment that a Date can hold, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

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
    cookie.expires = httpDate(moment)
  }
}

/** The date of a header, which has whole seconds: the first that is not earlier. */
function httpDate(moment) {
  return new Date(Math.ceil(moment / 1000) * 1000).toUTCString()
}

/** The cookie of a session that was read, as express-session has it stored. */
function storedCookie(cookie) {
  if (!types.isDate(cookie?.expires)) return cookie
  const renamed = Object.entries(cookie).map(([key, value]) => [
    key === 'expires' ? '_expires' : key,
    value,
  ])
  return Object.fromEntries(renamed)
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

/** Whether a header can be made of a field of a cookie, by the rules of the package cookie for path and domain. */
function fits(key, value) {
  if (value === null || value === undefined) return true
  switch (key) {
    case 'path':
      return value === '/' || (typeof value === 'string' && /^[\x20-\x3A\x3D-\x7E]*$/.test(value))
    case 'domain':
      return typeof value === 'string' && /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(value)
    case 'originalMaxAge':
    case 'maxAge':
      return typeof value === 'number'
    case 'expires':
    case '_expires':
      return isMoment(value)
    case 'httpOnly':
    case 'partitioned':
      return typeof value === 'boolean'
    case 'secure':
      return typeof value === 'boolean' || value === 'auto'
    case 'sameSite':
      return (
        typeof value === 'boolean' ||
        (typeof value === 'string' && /^(lax|strict|none)$/i.test(value))
      )
    case 'priority':
      return typeof value === 'string' && /^(low|medium|high)$/i.test(value)
    // Methods and getters of a Cookie, which a field would hide.
    case 'serialize':
    case 'toJSON':
    case 'data':
      return false
    default:
      return true
  }
}

function isMoment(value) {
  if (types.isDate(value)) return !Number.isNaN(value.getTime())
  if (typeof value === 'number') return Math.abs(value) <= LAST_MOMENT
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

/**
 * Takes the fields out of a stored cookie that another program has written and of which no header can be
 * made: express-session would fail with them, and some requests would have no answer.
 */
function dropUnfit(cookie) {
  if (!isObject(cookie)) return
  for (const key in cookie) {
    if (!fits(key, cookie[key])) delete cookie[key]
  }
}

module.exports = {
  cookieExpires,
  differs,
  dropUnfit,
  moveExpires,
  originalMaxAge,
  storedCookie,
}
