'use strict'
// The sessions of a user: which they are, on which devices, and how they end.

const { begin, ended } = require('../calls/call.cjs')
const { readFor } = require('../calls/read.cjs')
const { currentOf, handleOf } = require('../lists/devices.cjs')
const { checkUserId, textOfUser } = require('../lists/users.cjs')
const { remembered } = require('../sessions/remembered.cjs')

/** Where the metadata of a session has its public name. */
const HANDLE = 4

class UserSessions {
  #channel
  #lists
  #devices
  #admission
  #userId

  /** `devices` are those of the option `device`, `userId` says whose a session is. */
  constructor({ channel, lists, devices, admission }, userId) {
    this.#channel = channel
    this.#lists = lists
    this.#devices = devices
    this.#admission = admission
    this.#userId = userId
  }

  /** Answers with the entries of a user. */
  entries(user, callback) {
    return this.#admission.list('sessionsOf', callback, () => {
      return { user: textOfUser('sessionsOf', this.#userId, user) }
    })
  }

  /** Who is logged in, one user after the other. */
  users(options) {
    return this.#lists.walkUsers(options, () => {
      const call = this.#admission.open('users')
      const accepted = begin(call, () => checkUserId('users', this.#userId))
      return { call, accepted: accepted && this.#admission.accepts(call) }
    })
  }

  /** Answers with what is told of each session of a user, one of which may be the current one. */
  devices(user, options, callback) {
    let sid
    let current
    const choose = () => {
      this.#devices.check('devices')
      sid = currentOf(options)
      if (sid !== undefined) current = this.#admission.listedIdOf(sid)
      return { user: textOfUser('devices', this.#userId, user), method: 'devices' }
    }
    return this.#admission.list('devices', callback, choose, async (call, entries) => {
      this.#lists.hold(ended(call))
      try {
        const isListed = current === undefined || entries.some((entry) => entry.sid === current)
        const handle = isListed ? undefined : await this.#handleBehind(sid, call)
        call.succeed(this.#devices.tell(entries, current, handle))
      } catch (error) {
        call.fail(error)
      }
    })
  }

  /** The public name of the session to which an id leads that was given up; undefined if it leads nowhere. */
  async #handleBehind(sid, { verb, trace }) {
    if (!this.#channel.native.deleteFlags) return undefined
    const part = { sid, id: this.#admission.idOf(sid), verb, trace }
    const session = await readFor(this.#channel, part, { isUse: false, hasSought: true })
    return session === null ? undefined : remembered(session)?.metadata?.[HANDLE]
  }

  /** Leaves a call that ends all sessions of a user but for that with the id `except`, if there is one. */
  end(call, user, except) {
    const text = textOfUser(call.verb, this.#userId, user)
    const id = except === undefined ? undefined : this.#admission.idOf(except)
    this.#admission.changeAll(call, (native, ticket) => native.destroyByUser(ticket, text, id))
  }

  /** Leaves a call that ends the session of a user with this public name. */
  endOne(call, user, handle) {
    this.#devices.check('revoke')
    const text = textOfUser('revoke', this.#userId, user)
    const name = handleOf('revoke', handle)
    this.#admission.changeAll(call, (native, ticket) => native.revoke(ticket, text, name))
  }
}

module.exports = { UserSessions }
