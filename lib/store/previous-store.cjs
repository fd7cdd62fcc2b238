'use strict'
// The option `previousStore`: another store whose sessions move into this one as they are asked for.
//
// A session is in at least one of both at any time. Of several requests that find it in the previous
// store at once, in whichever process, one adds it here, one confirms it and takes it out there; the others
// leave what those, or a save since then, have written.

const { Store } = require('express-session')
const { PromiseCall } = require('../calls/call.cjs')
const { answerWithin, timerMs } = require('../calls/deadline.cjs')
const { invalid, unstorable } = require('../error.cjs')
const { cookieExpires } = require('../sessions/cookie.cjs')
const { encode } = require('../sessions/encode.cjs')
const { tellSaved } = require('./events.cjs')
const { isData } = require('../sessions/session.cjs')
const { indexTerms } = require('../lists/indexes.cjs')
const { userOf } = require('../lists/users.cjs')
const { setTimeout } = require('../native/timers.cjs')

/** What adding a session answers when something stood in its way that is gone by now. */
const GONE = 0

/** How often a session is destroyed in a previous store that fails. */
const ATTEMPTS = 10

class PreviousStore {
  #store
  #previous
  #channel
  #encoding
  #rules
  #userId
  #devices
  #indexes

  /** `rules` say how long a session lives, `devices` its public name, `indexes` by what it is found. */
  constructor(store, { previousStore, userId }, { channel, encoding, rules, devices, indexes }) {
    this.#store = store
    this.#previous = previousStore
    this.#channel = channel
    this.#encoding = encoding
    this.#rules = rules
    this.#userId = userId
    this.#devices = devices
    this.#indexes = indexes
  }

  /** Removes a session from the previous store. */
  destroy(sid) {
    return this.#ask('destroy', sid)
  }

  /** Goes on with a get that has found nothing: after a move it reads once more. */
  async seek(call) {
    const { id } = call
    call.hasSought = true
    call.waitsFor = "the option 'previousStore'"
    try {
      // What comes in between may do so again, such as a removal of what has expired: until the time is up.
      while (!call.isOver && !(await this.#move(call)));
      // Even if the previous store has none: a request beside this one may just have moved it.
      this.#channel.submit(call, id, call.send ?? ((native, ticket) => native.get(ticket, id)))
    } catch (error) {
      call.fail(error)
    }
  }

  /**
   * Moves a session. It is added here as one that nobody can read yet, and confirmed when the previous store
   * has been found to have it still: who destroys a session does so there first, and then here. Whoever else
   * moves it meanwhile, or finds it like that later, does the same and may confirm it as well. False if that
   * came to nothing and may be tried again.
   */
  async #move({ sid, id, trace }) {
    const found = await this.#ask('get', sid)
    if (!found) return true
    const session = this.#sessionOf(sid, found)
    const reserved = await this.#add({ sid, id, trace }, session)
    if (reserved === GONE) return false
    if (reserved === undefined) {
      this.#destroyLater(sid)
      return true
    }
    // Not to be found any more, it was destroyed, or moved by somebody else.
    if (!(await this.#ask('get', sid))) {
      await this.#call({ sid, id, trace }, (native, ticket) =>
        native.takeBack(ticket, id, reserved),
      )
      return true
    }
    if (!(await this.#confirm({ sid, id, trace }, session, reserved))) return false
    tellSaved(this.#store, { sid, session }, true)
    try {
      await this.#ask('destroy', sid)
    } catch (error) {
      // Whoever ends all sessions of a user ends none that is there still.
      this.#destroyLater(sid)
      throw error
    }
    return true
  }

  /**
   * Destroys a session there that is here already, or has ended here, in case nobody else does: this request may
   * have added it itself, with a command that was sent again because its reply was lost. Only when a request beside this
   * one must have looked there again, if it was that one: it would take the session for destroyed. That has
   * a deadline for the reply to its command, and one for its look. A store that fails is asked again, each time
   * after twice as long.
   */
  #destroyLater(sid, attempts = ATTEMPTS, pauseMs = 2 * this.#channel.timeoutMs) {
    const again = () => attempts > 1 && this.#destroyLater(sid, attempts - 1, 2 * pauseMs)
    const destroy = () => this.#ask('destroy', sid).catch(again)
    setTimeout(destroy, timerMs(pauseMs)).unref()
  }

  /** Adds a session unless there is one, and answers what it is confirmed with. */
  async #add(part, session) {
    const user = userOf(this.#userId, session)
    const handle = this.#devices.handleFor(user, false)
    const absoluteTimeout = this.#rules.absoluteTimeout(session)
    const indexes = indexTerms(this.#indexes?.of(session))
    const terms = { handle, absoluteTimeout, indexes, isAddition: true }
    const encoding = this.#encoding
    const written = await (encoding.hasFields ? encode(session) : encoding.write(session))
    const { text, specials = '', isText } = written
    const [ttl, expires] = this.#life(session)
    // prettier-ignore
    return this.#call(part, (native, ticket) =>
      native.set(ticket, part.id, text, specials, ttl, expires, undefined, undefined, isText, undefined, user, undefined, undefined, terms),
    )
  }

  /** Whether the session was there to be confirmed. */
  async #confirm(part, session, reserved) {
    const life = this.#life(session)
    const count = await this.#call(part, (native, ticket) =>
      native.confirm(ticket, part.id, reserved, ...life, this.#rules.absoluteTimeout(session)),
    )
    return count === 1
  }

  #life(session) {
    return [this.#rules.lifetime(session), cookieExpires(session)]
  }

  /** What the addon answers to a part of a get. */
  #call(part, send) {
    const call = Object.assign(new PromiseCall(), part)
    this.#channel.submit(call, part.id, send)
    return call.promise
  }

  /** The Session that express-session makes of what a store answers: what a save of it would store. */
  #sessionOf(sid, found) {
    if (!isData(found) || !isData(found.cookie)) {
      throw unstorable("the option 'previousStore' answered something that is not a session")
    }
    const { createSession } = Store.prototype
    const request = { sessionID: sid, sessionStore: this.#store }
    return createSession.call(this.#store, request, found)
  }

  /** What a method of the previous store answers. Its errors are passed on as they are. */
  #ask(method, sid) {
    const call = () =>
      new Promise((resolve, reject) => {
        this.#previous[method](sid, (error, answer) => {
          if (error && !isNone(error)) reject(error)
          else resolve(error ? undefined : answer)
        })
      })
    return answerWithin(this.#channel.timeoutMs, call, {
      operation: method,
      waitedFor: "the option 'previousStore'",
      failure: (error) => error,
    })
  }
}

/** For express-session, too, this error means that there is no session. */
function isNone(error) {
  return error.code === 'ENOENT'
}

/** Checks what the option holds, and that what moves is kept as well as before. */
function checkPrevious(previous, { fallbackMemory }) {
  for (const name of ['get', 'destroy']) {
    const type = typeof previous[name]
    if (type !== 'function') {
      throw invalid(`option 'previousStore.${name}' must be a function, got ${type}`)
    }
  }
  if (fallbackMemory) {
    throw invalid("options 'previousStore' and 'fallbackMemory' exclude each other")
  }
}

module.exports = { PreviousStore, checkPrevious }
