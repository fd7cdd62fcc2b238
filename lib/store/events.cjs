'use strict'
// What a store tells those who listen to it about an operation that has succeeded.

const { nextTick } = require('../native/timers.cjs')

/**
 * Emits an event, if somebody listens, on a stack of its own: what a listener throws is an uncaught
 * exception of the application, and no answer and no other event is lost with it. Without rest
 * parameters, so that nothing is allocated when nobody listens.
 */
function tell(store, event, first, second) {
  if (store.listenerCount(event) === 0) return
  if (second === undefined) nextTick(emit, store, event, first)
  else nextTick(emit, store, event, first, second)
}

/** Tells of a save that was not dropped. */
function tellSaved(store, { sid, session }, created) {
  tell(store, created ? 'create' : 'update', sid)
  tell(store, 'set', sid, session)
}

/** The event that no server can be reached, for an adapter that has no ears for errors. */
const LOST = Symbol('lost')

/** Emits what nobody has asked for: an `error` event without a listener would end the process. */
function report(store, event, error) {
  if (store.listenerCount(event) > 0) store.emit(event, error)
  else process.emitWarning(error.message, { type: error.name, code: error.code })
}

function emit(store, event, ...args) {
  store.emit(event, ...args)
}

module.exports = { LOST, report, tell, tellSaved }
