'use strict'
// The deadline of what a function of the application promises, and of a call that waits for it.

const { MongoSessionStoreError } = require('../error.cjs')
const { clearTimeout, setTimeout } = require('../native/timers.cjs')

/**
 * What a function of the application answers, perhaps asynchronously; what `failure` makes of its error,
 * if it fails; or an error after `timeoutMs`, in the words of the addon's: `operation` is the verb of the
 * caller, `waitedFor` what has not answered. Until then it is a pending operation, which keeps the process
 * alive.
 */
function answerWithin(timeoutMs, call, { operation, waitedFor, failure }) {
  return new Promise((resolve, reject) => {
    const late = () => reject(timeout(operation, timeoutMs, waitedFor))
    const timer = setTimeout(late, timerMs(timeoutMs))
    const answer = async () => call()
    answer()
      .then(resolve, (error) => reject(failure(error)))
      .finally(() => clearTimeout(timer))
  })
}

/** What is left to a call that may leave when its time is up, as part of that time: for its answer. */
const GRACE = 0.1

/**
 * Ends a call when its time is up, wherever it waits then: `call.waitsFor` says for what. What it has left
 * behind goes on, and tells nobody. Does nothing the second time.
 */
function endWithin(timeoutMs, call) {
  if (call.isOver !== undefined) return
  call.isOver = false
  const late = () => {
    const { event = 'the operation', waitsFor = 'MongoDB to answer' } = call
    call.fail(timeout(event, timeoutMs, waitsFor))
  }
  const timer = setTimeout(late, graceMs(timeoutMs))
  for (const end of ['succeed', 'fail']) {
    const tell = call[end]
    call[end] = (answer) => {
      if (call.isOver) return
      call.isOver = true
      clearTimeout(timer)
      tell.call(call, answer)
    }
  }
}

/** The time after which a call ends that may leave when its time is up. */
function graceMs(timeoutMs) {
  return timerMs(timeoutMs * (1 + GRACE))
}

/** The error of an operation whose time is up, in the words of the addon's. */
function timeout(operation, timeoutMs, waitedFor) {
  const message = `${operation} timed out after ${timeoutMs} ms while waiting for ${waitedFor}`
  return new MongoSessionStoreError('ERR_STORE_TIMEOUT', message)
}

/** A timer with a longer time ends at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

function timerMs(ms) {
  return Math.min(ms, MAX_TIMER_MS)
}

module.exports = { answerWithin, endWithin, graceMs, timeout, timerMs }
