'use strict'
// The sessions of requests in frameworks that have no class for them: the store saves them as it saves those of
// express-session, what differs and only while they are there.

const { unfit } = require('../error.cjs')
const { put } = require('../sessions/encoder.cjs')
const { remember, remembered } = require('../sessions/remembered.cjs')
const { RequestSession } = require('../sessions/session.cjs')
const { MongoSessionStore } = require('../store/store.cjs')

/** The session of a request, to be given its fields; `read` is what `get` has answered, if it has a session. */
function requestSession(read) {
  const session = new RequestSession()
  if (read !== undefined) remember(session, remembered(read))
  return session
}

/**
 * Gives the session of a request the fields that it is to be saved with. It stays the same object, by which the
 * store knows what it has saved before.
 */
function withFields(session, fields) {
  for (const key of Object.keys(session)) delete session[key]
  for (const key of Object.keys(fields)) put(session, key, fields[key])
  return session
}

/** Checks the store that an adapter is made of. */
function checkStore(adapter, store) {
  if (!(store instanceof MongoSessionStore)) {
    throw unfit(adapter, 'store', 'a MongoSessionStore', store)
  }
}

module.exports = { checkStore, requestSession, withFields }
