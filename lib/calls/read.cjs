'use strict'
// What the store reads itself as part of a call: no get of the application, whose listeners and figures hear
// nothing of it.

const { PromiseCall } = require('./call.cjs')

/**
 * Promises the session of a call, null if there is none. `isUse` says whether the application uses the session
 * id by that, of which it is told where the id was given up; `hasSought`, that a previous store has none.
 */
function readFor(channel, { sid, id, verb, trace }, { isUse, hasSought }) {
  const part = { sid, id, trace, event: 'read', isPassive: true, isUse, hasSought }
  const read = Object.assign(new PromiseCall(), part)
  read.send = (native, ticket) => native.read(ticket, id, verb)
  channel.submit(read, id, read.send)
  return read.promise
}

module.exports = { readFor }
