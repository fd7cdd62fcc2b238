'use strict'
// What a store knows of a session that it has read, on its way through @fastify/session.
//
// express-session has the store make the Session of what `get` answered, in `createSession`.
// @fastify/session makes it by itself, of a copy. From the cookie it copies what `toJSON` answers
// into the cookie options that the Session keeps behind a symbol; symbols are copied, too. Versions
// before 11.1.2 do not ask for `toJSON`, so nothing is known of their Sessions.

const { remember, remembered } = require('./remembered.cjs')

const BEARER = Symbol('bearer')

/** Lets whoever copies the cookie of a session take along what is known of the session. */
function attach(session, loaded) {
  const { cookie } = session
  if (cookie === null || typeof cookie !== 'object') return
  // Not enumerable, so that the cookie looks and compares as before.
  Object.defineProperty(cookie, 'toJSON', {
    value() {
      // An object that shows nothing when the Session is printed.
      const bearer = {}
      remember(bearer, loaded)
      return { ...this, [BEARER]: bearer }
    },
    configurable: true,
    writable: true,
  })
}

/** What is known of the session of which a Session was made, or undefined. */
function attached(session) {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const bearer = session[symbol]?.[BEARER]
    if (bearer !== undefined) return remembered(bearer)
  }
  return undefined
}

module.exports = { attach, attached }
