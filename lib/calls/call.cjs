'use strict'
// How an operation tells its caller that it has ended.

const { AsyncResource } = require('node:async_hooks')
const { isMistake, unstorable } = require('../error.cjs')
const { WatchedPromise } = require('./watched-promise.cjs')
const { nextTick } = require('../native/timers.cjs')

// One that the application has called tells its `observer` how it ends, once.

/** A call that answers through a promise. */
class PromiseCall {
  verb = undefined
  observer = undefined
  trace = undefined
  outcome = undefined

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // express-session calls without a callback and ignores the promise, for example in
    // `req.session.destroy()`. A failure of the store must not end the process then.
    this.promise.catch(() => {})
  }

  succeed(value) {
    this.observer?.succeeded(this, value)
    this.resolve(value)
  }

  fail(thrown) {
    const error = errorOf(thrown)
    this.observer?.failed(this, error)
    this.reject(error)
  }

  /** Fails before its caller has the promise, and gives it one that is watched instead. */
  refuse(error) {
    this.fail(error)
    const call = new WatchedCall()
    this.promise = call.promise
    call.fail(error)
  }
}

/** The same for a call of which a mistake may be found later. It takes longer to await. */
class WatchedCall {
  verb = undefined
  observer = undefined
  trace = undefined
  outcome = undefined

  constructor() {
    this.promise = new WatchedPromise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  succeed(value) {
    this.observer?.succeeded(this, value)
    this.resolve(value)
  }

  fail(thrown) {
    const error = errorOf(thrown)
    this.observer?.failed(this, error)
    this.reject(error)
    if (isMistake(error)) this.promise.whenIgnored(() => warn(error))
  }

  refuse(error) {
    this.fail(error)
  }
}

/**
 * A call that answers through a callback: once, in the async context of the caller, and on a clean
 * stack, so that what the callback throws is an uncaught exception of the application and nothing
 * else is lost with it.
 */
class CallbackCall extends AsyncResource {
  verb = undefined
  observer = undefined
  trace = undefined
  outcome = undefined
  promise = undefined

  constructor(callback) {
    super('MongoSessionStore')
    this.callback = callback
  }

  succeed(value) {
    this.observer?.succeeded(this, value)
    nextTick(answer, this, null, value)
  }

  fail(thrown) {
    const error = errorOf(thrown)
    this.observer?.failed(this, error)
    nextTick(answer, this, error)
  }

  refuse(error) {
    this.fail(error)
  }
}

/** A call of the store's own, for whose end nobody waits. */
class SilentCall {
  constructor(sid, id) {
    this.sid = sid
    this.id = id
  }

  succeed() {}

  fail() {}
}

/** A promise that is kept when a call ends, however it does. */
function ended(call) {
  return new Promise((resolve) => {
    for (const end of ['succeed', 'fail']) {
      const tell = call[end]
      call[end] = (answer) => {
        resolve()
        tell.call(call, answer)
      }
    }
  })
}

/**
 * Does what a call asks for, before its caller goes on. False if that has failed, and the call with it, of which
 * `onRefusal` is told.
 */
function begin(call, action, onRefusal) {
  try {
    action()
    return true
  } catch (error) {
    call.refuse(error)
    onRefusal?.(error)
    return false
  }
}

/** Does what is left of a call. */
function attempt(call, action) {
  try {
    action()
  } catch (error) {
    call.fail(error)
  }
}

/** What a call fails with. An application may throw nothing at all, which a callback would take for success. */
function errorOf(thrown) {
  return thrown || unstorable('a function of the application has failed without an error')
}

/** Says what no caller hears: that the program calls the store in a way that never works. */
function warn({ name, code, message, stack }) {
  const detail = stack.slice(stack.indexOf('\n') + 1)
  process.emitWarning(`a call of the session store that nobody awaits has failed: ${message}`, {
    type: name,
    code,
    detail,
  })
}

function answer(call, error, value) {
  if (value === undefined) call.runInAsyncScope(call.callback, undefined, error)
  else call.runInAsyncScope(call.callback, undefined, error, value)
}

module.exports = { CallbackCall, PromiseCall, SilentCall, WatchedCall, attempt, begin, ended }
