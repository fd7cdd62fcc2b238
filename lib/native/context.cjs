'use strict'
// The async context in which this package was loaded: no request's. What a store goes on with by itself would
// otherwise run in the context of the request in which the store was made, and keep it as long as the store.

const { AsyncResource } = require('node:async_hooks')

class Outside extends AsyncResource {
  constructor() {
    super('MongoSessionStore')
  }

  /** For test runners, which ask what is still open. */
  hasRef() {
    return false
  }
}

const outside = new Outside()

/** Runs a function in that context, and answers what it returns. */
function outsideOfRequests(action) {
  return outside.runInAsyncScope(action)
}

module.exports = { outsideOfRequests }
