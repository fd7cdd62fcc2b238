'use strict'
// How long a session may live, how many its user may have, and what counts as a use of it.

const { invalid, unfit } = require('../error.cjs')
const { dropPromise, kindOf } = require('../kind.cjs')
const { cookieExpires } = require('../sessions/cookie.cjs')

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/**
 * The levels of the option `assurance`, in milliseconds: how long a session lives at most, and how long
 * without being used. Source: NIST SP 800-63B-4, "Reauthentication" of each authentication assurance level.
 */
const LEVELS = new Map([
  [1, { absoluteMs: 30 * 24 * HOUR }],
  [2, { absoluteMs: 24 * HOUR, inactiveMs: HOUR }],
  [3, { absoluteMs: 12 * HOUR, inactiveMs: 15 * MINUTE }],
])

/** What stands for no limit on the sessions of a user. */
const UNLIMITED = 2 ** 31 - 1

class Rules {
  #ttl
  #ttlMs
  #level
  #absoluteTimeout
  #maxPerUser
  #countsAsActivity

  /** `ttlMs` is what has become of the option `ttl` that is a number. */
  constructor({ ttl, assurance, absoluteTimeout, maxPerUser, countsAsActivity }, ttlMs) {
    this.#ttl = ttl
    this.#ttlMs = ttlMs
    this.#level = LEVELS.get(assurance) ?? {}
    this.#absoluteTimeout = absoluteTimeout
    this.#maxPerUser = maxPerUser
    this.#countsAsActivity = countsAsActivity
  }

  /**
   * How long a session lives from now on, in milliseconds; undefined where its cookie decides or, without a
   * moment there, the option `ttl`. `cookieMs` is what the cookie says, if that is not its moment.
   */
  lifetime(session, cookieMs) {
    const own = this.#ttl === undefined ? undefined : answerOf('ttl', this.#ttl, session)
    const { inactiveMs } = this.#level
    if (inactiveMs === undefined) return own ?? cookieMs
    return Math.min(own ?? cookieMs ?? this.#cookieMs(session), inactiveMs)
  }

  #cookieMs(session) {
    const expires = cookieExpires(session)
    return expires === undefined ? this.#ttlMs : expires - Date.now()
  }

  /** How long after its creation a session ends, where a function says so. */
  absoluteTimeout(session) {
    if (this.#absoluteTimeout === undefined) return undefined
    const own = answerOf('absoluteTimeout', this.#absoluteTimeout, session)
    return Math.min(own, this.#level.absoluteMs ?? Infinity)
  }

  /** How many sessions the user of a session may have, where a function says so. */
  mostSessions(session) {
    if (this.#maxPerUser === undefined) return undefined
    const most = this.#maxPerUser(session)
    if (most === Infinity) return UNLIMITED
    if (Number.isInteger(most) && most >= 1) return Math.min(most, UNLIMITED)
    dropPromise(most)
    throw invalid(
      `option 'maxPerUser' must return a whole number of at least 1, or Infinity, got ${kindOf(most)}`,
    )
  }

  /** Whether a request prolongs its session. */
  isActivity(req) {
    if (this.#countsAsActivity === undefined) return true
    const counts = this.#countsAsActivity(req)
    dropPromise(counts)
    return Boolean(counts)
  }
}

/** What a function among the options answers for a session: a time, or Infinity. */
function answerOf(name, option, session) {
  const ms = option(session)
  if (typeof ms === 'number' && !Number.isNaN(ms)) return ms
  dropPromise(ms)
  throw invalid(`option '${name}' must return a number of milliseconds, got ${kindOf(ms)}`)
}

/** The options that a level of assurance stands for, where others do not ask for less. */
function withLevel({ assurance, ...options }) {
  if (assurance === undefined) return options
  const level = LEVELS.get(assurance)
  if (level === undefined) throw invalid("option 'assurance' must be 1, 2 or 3")
  const { absoluteTimeout = level.absoluteMs, ttl, fields } = options
  if (typeof absoluteTimeout === 'number') forbidLonger('absoluteTimeout', absoluteTimeout, level.absoluteMs, assurance) // prettier-ignore
  if (level.inactiveMs !== undefined) {
    if (typeof ttl === 'number') forbidLonger('ttl', ttl, level.inactiveMs, assurance)
    if (fields?.lastAccess !== undefined) {
      throw invalid("option 'assurance' above 1 excludes 'fields.lastAccess'")
    }
  }
  return { ...options, absoluteTimeout }
}

function forbidLonger(name, ms, mostMs, assurance) {
  if (ms > mostMs) {
    throw invalid(
      `option '${name}' is longer than the ${mostMs} ms that 'assurance: ${assurance}' allows`,
    )
  }
}

/** Takes note in a session that its user has just proved who they are. */
function authenticated(session) {
  if (session === null || typeof session !== 'object') {
    throw unfit('authenticated', 'session', 'an object', session)
  }
  session.authenticatedAt = new Date()
}

/** Whether that was no longer ago than so many milliseconds. */
function isFresh(session, ms) {
  if (typeof ms !== 'number' || !(ms >= 0)) {
    throw unfit('isFresh', 'second argument', 'a number of milliseconds', ms)
  }
  // A session that is stored as a text has a text here.
  const at = new Date(session?.authenticatedAt ?? NaN).getTime()
  const age = Date.now() - at
  return age >= 0 && age <= ms
}

module.exports = { Rules, authenticated, isFresh, withLevel }
