'use strict'
// Where a user is logged in, without anything that is a credential.

const { randomBytes } = require('node:crypto')
const { invalid, unfit } = require('../error.cjs')
const { dropPromise, kindOf } = require('../kind.cjs')
const { optionsOf } = require('./place.cjs')

/** Of 128 bits, as a session id should be: nobody else's can be guessed. */
const HANDLE_BYTES = 16

/** The option `device`: whether the sessions of a user have public names, and what is told of each. */
class Devices {
  #device

  /** `device` is true, or a function of the session that answers what is told of it. */
  constructor(device) {
    this.#device = device
  }

  /** The name for a session of this user, of whose document is known whether it has one. */
  handleFor(user, hasHandle) {
    if (!this.#device || user === undefined || user === '' || hasHandle) return undefined
    return randomBytes(HANDLE_BYTES).toString('base64url')
  }

  /** Refuses a call that needs the option. */
  check(method) {
    if (!this.#device) {
      throw invalid(
        `${method} needs the option 'device', without which the sessions of a user have no names`,
      )
    }
  }

  /**
   * What is told of listed sessions, those first that were used last. The current one is that with this id in the
   * list, or with this public name.
   */
  tell(entries, current, currentHandle) {
    const devices = entries.map(({ sid, session, expires, metadata }) => {
      const [, , createdAt, , handle = null, lastSeenAt] = metadata ?? []
      return {
        handle,
        createdAt: dateOf(createdAt),
        lastSeenAt: dateOf(lastSeenAt),
        expires,
        device: this.#tell(session),
        current: sid === current || (handle !== null && handle === currentHandle),
      }
    })
    return devices.sort((a, b) => (b.lastSeenAt ?? 0) - (a.lastSeenAt ?? 0))
  }

  #tell(session) {
    if (typeof this.#device !== 'function') return null
    const told = this.#device(session)
    if (told === undefined || told === null) return null
    if (typeof told === 'object' && typeof told.then !== 'function') return told
    dropPromise(told)
    throw invalid(`option 'device' must return an object or undefined, got ${kindOf(told)}`)
  }
}

/** A moment; null where the document does not say it. */
function dateOf(at) {
  return at === undefined || Number.isNaN(at) ? null : new Date(at)
}

/** The session id among the options of `devices`. */
function currentOf(options) {
  const { current } = optionsOf('devices', options, ['current'])
  if (current !== undefined && (typeof current !== 'string' || !current.isWellFormed())) {
    throw unfit('devices', "option 'current'", 'a session id, a string', current)
  }
  return current
}

/** The handle that a call is about, unless it cannot be one. */
function handleOf(method, handle) {
  if (typeof handle === 'string' && handle !== '' && handle.isWellFormed()) return handle
  throw unfit(method, 'handle', 'a string that is not empty', handle)
}

module.exports = { Devices, currentOf, handleOf }
