'use strict'
// The deadline of what a function of the application promises.

const { MongoSessionStoreError } = require('../error.cjs')
const { clearTimeout, setTimeout } = require('../native/timers.cjs')

/**
 * What a function of the application answers, perhaps asynchronously; what `failure` makes of its error,
 * if it fails; or an error after `timeoutMs`, in the words of the addon's: `operation` is the verb of the
 * caller, `waitedFor` what has not answered. Until then it is a pending operation, which keeps the process
 * alive.
 */
function answerWithin(timeoutMs, call, { operation, waitedFor, failure }) {
  return new Promise((resolve, reject) => {
    const late = () => {
      const message = `${operation} timed out after ${timeoutMs} ms while waiting for ${waitedFor}`
      reject(new MongoSessionStoreError('ERR_STORE_TIMEOUT', message))
    }
    const timer = setTimeout(late, timeoutMs)
    const answer = async () => call()
    answer()
      .then(resolve, (error) => reject(failure(error)))
      .finally(() => clearTimeout(timer))
  })
}

module.exports = { answerWithin }
