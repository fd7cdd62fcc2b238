'use strict'
// Session ids, and what stands for them in the database.

const { invalid } = require('../error.cjs')
const { dropPromise, kindOf } = require('../kind.cjs')

/** A lone surrogate has no UTF-8, so two ids with one could become the same `_id`. */
function isSid(sid) {
  return typeof sid === 'string' && sid.isWellFormed()
}

/** What the `transformId` function answers for a session id. */
function transformed(transformId, sid) {
  const id = transformId(sid)
  if (isSid(id) && id !== '') return id
  dropPromise(id)
  throw invalid(
    `option 'transformId' must return a string without lone surrogates that is not empty, got ${kindOf(id)}`,
  )
}

module.exports = { isSid, transformed }
