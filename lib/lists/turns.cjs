'use strict'
// How much is read in one turn of the event loop.

const { setImmediate } = require('../native/timers.cjs')

/** About so many characters of stored sessions are read in one turn; a single larger session is. */
const MOST = 256 * 1024

/** What a session costs besides its text. */
const SESSION = 256

let spent = 0
let last = Promise.resolve()

function renew() {
  spent = 0
}

/** Takes note of a session that is going to be read, unless that is a matter of a later turn. */
function isTooMuch(characters) {
  if (spent === 0) setImmediate(renew)
  else if (spent + characters > MOST) return true
  spent += characters + SESSION
  return false
}

/** A promise of a later turn. Of those who wait, each gets one of its own. */
function laterTurn() {
  last = last.then(() => new Promise((resolve) => setImmediate(resolve)))
  return last
}

module.exports = { isTooMuch, laterTurn }
