'use strict'
// Changes of a session that no other change undoes: it is read, changed, and written only if it still is what
// was read; otherwise all of that is done once more.

const { ended } = require('../calls/call.cjs')
const { endWithin } = require('../calls/deadline.cjs')
const { readFor } = require('../calls/read.cjs')
const { MongoSessionStoreError, renamed, typeError, unfit } = require('../error.cjs')
const { dropPromise } = require('../kind.cjs')
const { setTimeout } = require('../native/timers.cjs')
const { isData } = require('../sessions/session.cjs')

/** How often a change is tried. Of those who try at the same moment, one succeeds each time. */
const ATTEMPTS = 100

/** Up to how long each pauses before the next attempt, by chance, so that they meet less often. */
const LONGEST_PAUSE_MS = 30

class Updates {
  #channel
  #lists
  #exchange
  /** By the id of a session, the promise of the end of its last change of this store: they take turns. */
  #turns = new Map()

  /** `exchange` writes a session that was read by a call, and promises whether it still was the same. */
  constructor(channel, lists, exchange) {
    this.#channel = channel
    this.#lists = lists
    this.#exchange = exchange
  }

  /**
   * Answers a call with what `finish` makes of the session in the end, null if there is none. `change` says
   * by `false` that there is nothing to write.
   */
  run(call, change, finish) {
    const { id } = call
    call.waitsFor = 'earlier operations'
    endWithin(this.#channel.timeoutMs, call)
    this.#lists.hold(ended(call))
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before
      .then(() => this.#change(call, change, finish))
      // The addon knows what writes as an update.
      .catch((error) => call.fail(renamed(error, 'update', call.event)))
    this.#turns.set(id, turn)
    turn.then(() => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id)
    })
  }

  async #change(call, change, finish) {
    call.waitsFor = undefined
    for (let attempt = 1; !call.isOver; attempt++) {
      const session = await this.#read(call)
      // Nobody waits for it any more: nothing may change behind its caller's back.
      if (call.isOver) return
      if (session === null) return call.succeed(finish(null))
      const isDone = change(session) === false || (await this.#exchange(call, session))
      if (isDone) return call.succeed(finish(session))
      if (attempt === ATTEMPTS) throw conflict(call.event)
      await pause(Math.random() * Math.min(attempt, LONGEST_PAUSE_MS))
    }
  }

  async #read({ sid, id, event: verb, trace }) {
    const session = await readFor(this.#channel, { sid, id, verb, trace }, { isUse: true })
    // What was read is compared with what it becomes.
    if (isData(session?.cookie)) session.cookie = { ...session.cookie }
    return session
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

function conflict(method) {
  return new MongoSessionStoreError(
    'ERR_STORE_CONFLICT',
    `${method} gave up: others have changed the session ${ATTEMPTS} times meanwhile`,
  )
}

/** The function of `update` as a change that is always written. */
function changeOf(change) {
  if (typeof change !== 'function') throw unfit('update', 'second argument', 'a function', change)
  return (session) => {
    const answer = change(session)
    if (typeof answer?.then !== 'function') return true
    dropPromise(answer)
    throw typeError(
      'ERR_INVALID_ARG_VALUE',
      'the function of update must not be async: it may be called again with a newer session',
    )
  }
}

/** The change of `take`, which removes a key, and what it answers in the end: what that key held. */
function removalOf(key) {
  if (typeof key !== 'string' || key === 'cookie') {
    throw unfit('take', 'key', "a string other than 'cookie'", key)
  }
  let taken
  const remove = (session) => {
    taken = Object.hasOwn(session, key) ? session[key] : undefined
    return taken !== undefined && delete session[key]
  }
  // What an earlier attempt has found is not taken if the session has ended meanwhile: others may have it.
  return [remove, (session) => (session === null ? undefined : taken)]
}

module.exports = { Updates, changeOf, removalOf }
