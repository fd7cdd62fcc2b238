'use strict'
// From an answer of the addon to the end of its call: the session is made and remembered, the
// listeners are told, the caller is answered.

const { attempt } = require('../calls/call.cjs')
const { fromNative } = require('../error.cjs')
const { tell, tellSaved } = require('./events.cjs')
const { attach } = require('../sessions/fastify.cjs')
const { passInt64s } = require('../sessions/int64s.cjs')
const { loadedStateOf } = require('../sessions/loaded-state.cjs')
const { remember } = require('../sessions/remembered.cjs')
const kinds = require('../native/addon.cjs')
const { nextTick } = require('../native/timers.cjs')

const { DONE, SESSION, COUNT, FAILED } = kinds
const { DISCARDED, SKIPPED, CREATED, ENTRIES, REUSED, USERS } = kinds

/** Failures after which it is known that nothing was written, whatever was sent. */
const REFUSED = new Set([
  'ERR_STORE_SERIALIZATION',
  'ERR_STORE_TOO_LARGE',
  'ERR_STORE_TOO_MANY_SESSIONS',
])

class Answers {
  #store
  #collection
  #encoding
  #lists
  #prolong
  #previous
  #rejection
  #refused

  /**
   * `prolong` moves the expiry of a session that was read, if that is to be done. `previous` is where a
   * session may be that is not there. `rejection` gets to hold why a promise of a client was rejected,
   * and `refused` hears of saves that failed.
   */
  constructor(store, { collection, encoding, lists, prolong, previous, rejection, refused }) {
    this.#store = store
    this.#collection = collection
    this.#encoding = encoding
    this.#lists = lists
    this.#prolong = prolong
    this.#previous = previous
    this.#rejection = rejection
    this.#refused = refused
  }

  /** Answers a call. What a callback does comes later, each on a stack of its own. */
  give(call, kind, slots, at) {
    switch (kind) {
      case DISCARDED:
        // A touch of a session that is gone is silent, whatever was sent for it.
        if (call.event !== 'touch') {
          call.outcome = 'discarded'
          tell(this.#store, 'discard', call.sid)
        }
        return succeed(call)
      case CREATED:
        tellSaved(this.#store, call, true)
        return succeed(call)
      case DONE:
        if (call.event === 'set') tellSaved(this.#store, call, false)
        else if (call.event !== undefined) tell(this.#store, call.event, call.sid, call.session)
        return succeed(call)
      case SKIPPED:
        call.outcome = 'skipped'
        return call.succeed()
      case SESSION:
        return this.#session(call, slots, at)
      case REUSED:
        if (call.isUse !== false) tell(this.#store, 'reuse', call.sid)
        // Nor is it sought elsewhere.
        return this.#got(call, null)
      case ENTRIES:
        return this.#lists.answer(call, slots, at)
      case USERS:
        return this.#lists.answerUsers(call, slots, at)
      case COUNT:
        return call.succeed(slots[at])
      case FAILED:
        return this.#failed(call, slots, at)
    }
  }

  #failed(call, slots, at) {
    const error = fromNative(slots[at], this.#rejection.reason)
    if (call.event === 'set' || call.event === 'touch') this.#refused(error)
    // The addon says so of what it has not sent to the server.
    const mayBeStored = slots[at + 1] !== true && !REFUSED.has(slots[at].code)
    if (!mayBeStored) call.onRefused?.()
    // And of what the server has refused.
    call.onFailure?.(mayBeStored && slots[at + 2] !== true)
    call.fail(error)
  }

  #session(call, slots, at) {
    if (slots[at] === undefined) return this.#missing(call)
    const read = this.#encoding.read(slots, at, 'get')
    const keep = (session) => {
      const isComparable = this.#encoding.isComparable(slots, at)
      const { cookie } = session
      const fetched = loadedStateOf(this.#collection, call.sid, slots, at, isComparable, cookie)
      passInt64s(session, fetched)
      remember(session, fetched)
      attach(session, fetched)
      if (this.#prolong !== undefined && !call.isPassive) this.#prolong(call, session, fetched)
      this.#got(call, session)
    }
    if (read instanceof Promise) {
      call.waitsFor = "the option 'cryptoAdapter.decrypt'"
      whenRead(call, read, keep)
    } else {
      keep(read)
    }
  }

  #missing(call) {
    if (this.#previous === undefined || call.hasSought) this.#got(call, null)
    else if (call.trace === undefined) this.#previous.seek(call)
    else call.trace.run(() => this.#previous.seek(call))
  }

  #got(call, session) {
    if (call.event === 'get') tell(this.#store, 'get', call.sid, session)
    call.succeed(session)
  }
}

/**
 * Goes on with what is promised as an answer of the addon is gone on with: not as a reaction to a
 * promise, in which the caller's would come before the listeners of the event.
 */
function whenRead(call, promised, goOn) {
  promised.then(
    (read) => {
      if (!call.isOver) nextTick(attempt, call, () => goOn(read))
    },
    (error) => call.fail(error),
  )
}

/** Ends a call that answers nothing. */
function succeed(call) {
  call.onSuccess?.()
  call.succeed()
}

module.exports = { Answers }
