'use strict'
// How much is read in one turn of the event loop.

const { monotonicMs, setImmediate } = require('../native/timers.cjs')

/** About so many milliseconds one turn reads; a single session may take longer. */
const MOST_MS = 4

/** And about so many characters of stored sessions, of which a single one may have more. */
const MOST = 256 * 1024

/** What a session costs besides its text. */
const SESSION = 256

let spent = 0
let endsAt = 0
let last = Promise.resolve()

function renew() {
  spent = 0
}

/** Takes note of a session that is going to be read, unless that is a matter of a later turn. */
function isTooMuch(characters) {
  if (spent === 0) {
    setImmediate(renew)
    endsAt = monotonicMs() + MOST_MS
  } else if (spent + characters > MOST || monotonicMs() >= endsAt) {
    return true
  }
  spent += characters + SESSION
  return false
}

/** A promise of a later turn. Of those who wait, each gets one of its own. */
function laterTurn() {
  last = last.then(() => new Promise((resolve) => setImmediate(resolve)))
  return last
}

module.exports = { isTooMuch, laterTurn }
