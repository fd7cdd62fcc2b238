'use strict'
// From what was called to a call that may go on: how it answers, whether the store is open, whether its arguments
// can be used, and by which id its session is stored.

const { CallbackCall, PromiseCall, begin } = require('../calls/call.cjs')
const { koaArgument } = require('../calls/koa.cjs')
const { MongoSessionStoreError, unfit } = require('../error.cjs')
const { isData } = require('../sessions/session.cjs')
const { isSid, transformed } = require('./ids.cjs')

class Admission {
  #channel
  #observer
  #lists
  #transformId
  /** What hears of a save of which it is not known by which id the session is stored. */
  #refused
  #isClosed = false

  constructor({ channel, observer, lists, transformId, refused }) {
    this.#channel = channel
    this.#observer = observer
    this.#lists = lists
    this.#transformId = transformId
    this.#refused = refused
  }

  get isClosed() {
    return this.#isClosed
  }

  /** Has every call fail from now on. */
  close() {
    this.#isClosed = true
  }

  /** A call of a method, which answers through this callback or, without one, through a promise. */
  open(method, callback, Promised = PromiseCall) {
    let call
    if (callback === undefined || callback === null) call = new Promised()
    else if (typeof callback === 'function') call = new CallbackCall(callback)
    else {
      const given = koaArgument(method, callback)
      if (given === undefined) throw unfit(method, 'callback', 'a function', callback)
      call = Object.assign(new Promised(), given)
    }
    this.#observer.begin(call, method)
    return call
  }

  /**
   * Whether a call may go on, which then knows its session's id; otherwise it has failed. The arguments are a
   * session id and a session, of a method that has them.
   */
  accepts(call, ...args) {
    if (this.#isClosed) {
      call.fail(new MongoSessionStoreError('ERR_STORE_CLOSED', 'the session store is closed'))
    } else if (args.length > 0 && !isSid(args[0])) {
      call.refuse(unfit(call.verb, 'session id', 'a string without lone surrogates', args[0]))
    } else if (args.length > 1 && !isData(args[1])) {
      call.refuse(unfit(call.verb, 'session', 'an object', args[1]))
    } else {
      return args.length === 0 || this.#identifies(call, args[0])
    }
    return false
  }

  /** Finds out by which id the session of a call is stored. */
  #identifies(call, sid) {
    call.sid = sid
    if (this.#transformId === undefined) {
      call.id = sid
      return true
    }
    const identify = () => {
      call.id = transformed(this.#transformId, sid)
    }
    return begin(call, identify, call.verb === 'set' ? this.#refused : undefined)
  }

  /** By which id a session is stored, behind the prefix. */
  idOf(sid) {
    return this.#transformId === undefined ? sid : transformed(this.#transformId, sid)
  }

  /** What lists have for a session id. */
  listedIdOf(sid) {
    return this.#channel.native.listedId(this.idOf(sid))
  }

  /** Leaves a call that is about no single session. */
  aboutAll(call, send) {
    if (this.accepts(call)) this.#channel.submit(call, null, send)
    return call.promise
  }

  /** The same for one that may change any session. */
  changeAll(call, send) {
    if (this.accepts(call)) this.#channel.submitForAll(call, send)
    return call.promise
  }

  /** Opens a call for a list and answers it. `choose` says what is in the list, `give` answers it. */
  list(method, callback, choose, give = (call, entries) => call.succeed(entries)) {
    const call = this.open(method, callback)
    if (this.accepts(call)) {
      this.#lists.collect(call, choose, (entries) => give(call, entries))
    }
    return call.promise
  }
}

module.exports = { Admission }
