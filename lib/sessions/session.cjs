'use strict'
// What a session object is.

/** Whether a value can be a session: JSON has an object for it. */
function isData(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Whether an object is a Session of express-session, of whatever copy of it. */
function isSession(object) {
  return typeof object.regenerate === 'function' && typeof object.save === 'function'
}

function isObject(value) {
  return value !== null && typeof value === 'object'
}

module.exports = { isData, isObject, isSession }
