'use strict'
// A new id for the session of a request. The order of its steps is in src/store/renewal.rs, and what becomes of those
// who still have the old one in src/store/old_id.rs.

const { Store } = require('express-session')
const { invalid, typeError, unfit } = require('../error.cjs')
const { remember } = require('../sessions/remembered.cjs')
const { isSession } = require('../sessions/session.cjs')

/** Until when the requests that are under way have ended, in milliseconds. */
const DEFAULT_GRACE_MS = 30_000
const LONGEST_GRACE_MS = 2 ** 31 - 1

class Renewals {
  #store
  #channel
  #admission
  #saves

  constructor(store, channel, admission, saves) {
    this.#store = store
    this.#channel = channel
    this.#admission = admission
    this.#saves = saves
  }

  /** Answers a call with whether the session of a request has a new id now, which the request then has, too. */
  run(call, req, options) {
    checkRequest(this.#store, req, this.#channel.native)
    const grace = graceOf(options)
    const { session, sessionID } = req
    if (!this.#admission.accepts(call, sessionID)) return
    const sid = newId(this.#store, req)
    const to = this.#admission.idOf(sid)
    const { succeed } = call
    call.succeed = (count) => {
      if (count === 1) this.#adopt(req, session, sid)
      succeed.call(call, count === 1)
    }
    this.#channel.submit(call, call.id, (native, ticket) =>
      native.renew(ticket, call.id, to, grace),
    )
  }

  /** Gives a request the same session under its new id. What the request has changed is saved there. */
  #adopt(req, session, sid) {
    const known = this.#saves.loadedState(req.sessionID, session)
    req.sessionID = sid
    // Of the cookie, as of the session, only its own fields: the others belong to the class.
    const { createSession } = Store.prototype
    createSession.call(this.#store, req, { ...session, cookie: { ...session.cookie } })
    if (known !== undefined) remember(req.session, known.renewed(sid))
  }
}

/** The time of grace among the options of `renew`. */
function graceOf(options = {}) {
  if (options === null || typeof options !== 'object') {
    throw unfit('renew', 'options', 'an object', options)
  }
  const { grace = DEFAULT_GRACE_MS, ...others } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw typeError('ERR_INVALID_ARG_VALUE', `renew has no option '${unknown}'`)
  }
  if (typeof grace === 'number' && grace >= 0 && grace <= LONGEST_GRACE_MS) return Math.round(grace)
  throw unfit('renew', "option 'grace'", 'a number of milliseconds up to 2147483647', grace)
}

/** Refuses what has no session that could have a new id. */
function checkRequest(store, req, native) {
  if (!native.deleteFlags) {
    throw invalid("renew needs the option 'deleteFlags', which keeps an old id from coming back")
  }
  const isRequest = req !== null && typeof req === 'object' && typeof req.sessionID === 'string'
  if (!isRequest || !isSession(req.session ?? {}) || typeof store.generate !== 'function') {
    throw unfit('renew', 'first argument', 'a request with a session of express-session', req)
  }
}

/** An id as the application makes its own. The request keeps what it has. */
function newId(store, req) {
  const { sessionID, session } = req
  try {
    store.generate(req)
    return req.sessionID
  } finally {
    Object.assign(req, { sessionID, session })
  }
}

module.exports = { Renewals }
