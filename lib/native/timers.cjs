'use strict'
// Node's own timers and queues. Tests replace them, to move the time by hand (sinon, jest and vitest, and
// node:test); but what the store waits for is a server, and that no hand moves. So the ones that are there
// when this is loaded are used for good. Where a fake is there already, something does that nobody fakes.

const { performance } = require('node:perf_hooks')
const timers = require('node:timers')

/** Runs a function behind what is being done, before the event loop goes on. */
const nextTick = isOwn(process.nextTick, 'nextTick') ? process.nextTick : afterPromises

/** Runs a function when this turn of the event loop ends. */
const setImmediate = isOwn(timers.setImmediate, 'setImmediate') ? timers.setImmediate : nextTurn

const hasTimeouts = isOwn(timers.setTimeout, 'setTimeout')

/** Runs a function after so many milliseconds. */
const setTimeout = hasTimeouts ? timers.setTimeout : afterSignal

/** Keeps that function from running, if it still can be kept. */
const clearTimeout = hasTimeouts ? timers.clearTimeout : () => {}

/** A moment in milliseconds, of which only the distance to another one means something. */
const monotonicMs = performance.now.bind(performance)
const { timeOrigin } = performance

/** The present moment in milliseconds since the epoch, by a clock that never goes back. */
const epochMs = () => timeOrigin + monotonicMs()

/** Those of @sinonjs/fake-timers, which jest and vitest use as well, bear a clock; node:test binds its own. */
function isOwn(timer, name) {
  return timer.name === name && !Object.hasOwn(timer, 'clock')
}

/** What a function throws here is an unhandled rejection, which Node treats as it does an exception. */
function afterPromises(action, ...args) {
  Promise.resolve().then(() => action(...args))
}

/** A message comes with the next turn of the event loop. */
function nextTurn(action) {
  const { MessageChannel } = require('node:worker_threads')
  const { port1, port2 } = new MessageChannel()
  port2.once('message', () => {
    port2.close()
    action()
  })
  port1.postMessage(null)
}

/** Unlike a timer, it does not keep the process alive. */
function afterSignal(action, milliseconds) {
  const signal = AbortSignal.timeout(milliseconds)
  signal.addEventListener('abort', action, { once: true })
  return { unref() {} }
}

module.exports = { clearTimeout, epochMs, monotonicMs, nextTick, setImmediate, setTimeout }
