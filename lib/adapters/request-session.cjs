'use strict'
// The sessions of requests in frameworks that have no class for them: the store saves them as it saves those of
// express-session, what differs and only while they are there.

const { invalid, unfit, unstorable } = require('../error.cjs')
const { put } = require('../sessions/encoder.cjs')
const { remember, remembered } = require('../sessions/remembered.cjs')
const { RequestSession, isData } = require('../sessions/session.cjs')
const { hasOption } = require('../store/given.cjs')
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

/** Refuses fields that the store would take for a cookie of express-session. */
function checkFields(framework, fields) {
  if (isData(fields.cookie)) {
    throw unstorable(`a session of ${framework} can have no object under the key 'cookie'`)
  }
}

/** Checks the store that an adapter is made of; `excluded` says by its name why it must not have an option. */
function checkStore(adapter, store, excluded = {}) {
  if (!(store instanceof MongoSessionStore)) {
    throw unfit(adapter, 'store', 'a MongoSessionStore', store)
  }
  const name = Object.keys(excluded).find((option) => hasOption(store, option))
  if (name !== undefined) {
    throw invalid(`${adapter} takes no store with the option '${name}', ${excluded[name]}`)
  }
}

module.exports = { checkFields, checkStore, requestSession, withFields }
