'use strict'
// What functions among the options answer that cannot be used. The save fails by it, of which express-session hears
// when the page is on its way, so that nobody may notice: the store tells of it besides.

const { nextTick } = require('../native/timers.cjs')

/** A function that tells `warn` of such an answer among the errors that it is given: of each kind once. */
function wrongAnswers(warn) {
  const told = new Set()
  return (error) => {
    if (error?.code !== 'ERR_STORE_OPTION' || told.has(error.message)) return
    told.add(error.message)
    // What a listener throws is not to reach the caller.
    nextTick(warn, error)
  }
}

module.exports = { wrongAnswers }
