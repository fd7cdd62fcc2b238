'use strict'
// What a session object is.

/** Whether a value can be a session: JSON has an object for it. */
function isData(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The session of a request in a framework that has no class for it. Its own fields are those of the session. */
class RequestSession {}

/** Whether an object is the session of a request: a Session of express-session, of whatever copy of it, or ours. */
function isSession(object) {
  return (
    (typeof object.regenerate === 'function' && typeof object.save === 'function') ||
    object instanceof RequestSession
  )
}

function isObject(value) {
  return value !== null && typeof value === 'object'
}

module.exports = { RequestSession, isData, isObject, isSession }
