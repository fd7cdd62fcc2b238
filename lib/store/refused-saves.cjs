'use strict'
// Saves that the store refuses, for what the session holds or for what a function among the options has done. The
// save fails by it, of which express-session hears when the page is on its way, so that nobody may notice: the
// store tells of it besides.

const { MongoSessionStoreError, isMistake, unstorable } = require('../error.cjs')
const { nextTick } = require('../native/timers.cjs')

/** The codes of what the session itself is to blame for. */
const OF_SESSION = new Set(['ERR_STORE_SERIALIZATION', 'ERR_STORE_TOO_LARGE'])

/** A function that tells `warn` of such refusals among the errors that it is given: of each kind once. */
function refusedSaves(warn) {
  const told = new Set()
  return (error) => {
    const refusal = refusalOf(error)
    if (refusal === undefined) return
    // Of two sizes that are too large, the first one is enough.
    const kind = refusal.message.replaceAll(/\d+/g, '')
    if (told.has(kind)) return
    told.add(kind)
    // What a listener throws is not to reach the caller.
    nextTick(warn, refusal)
  }
}

/** What is told of an error; undefined for one that is about the server, or about the call. */
function refusalOf(error) {
  if (error instanceof MongoSessionStoreError) return OF_SESSION.has(error.code) ? error : undefined
  if (isMistake(error)) return error.code === 'ERR_STORE_OPTION' ? error : undefined
  // The application's own, which may quote the session.
  return unstorable(
    'a session was not saved: a function among the options, or a getter or a toJSON of the session, has failed',
    error,
  )
}

module.exports = { refusedSaves }
