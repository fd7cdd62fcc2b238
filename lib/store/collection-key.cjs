'use strict'
// Which stores of a process have the same sessions: what one of them has loaded another one may save, such as the one
// that a hot reload has put in its place.

const { createHash } = require('node:crypto')

/** By which functions of the application are told apart. */
const numbers = new WeakMap()
let lastNumber = 0

/**
 * What two stores have in common by which a session id leads to the same document, as far as their options say so.
 * One whose sessions are in its own memory, or that has to wait for its address, has it in common with no other.
 */
function collectionKey({ given, transformId, native: { collection, prefix } }) {
  const { uri, dbName, hashIds, fields, fallbackMemory, awaitsAddress } = given
  if (uri === 'memory:' || fallbackMemory || awaitsAddress) return Symbol('sessions of one store')
  const ids = [prefix, hashIds === true, fields, numberOf(transformId)]
  // The connection string may hold a password, which is not to stay in memory.
  return createHash('sha256')
    .update(JSON.stringify([uri, dbName, collection, ...ids]))
    .digest('base64')
}

function numberOf(transformId) {
  if (transformId === undefined) return undefined
  if (!numbers.has(transformId)) numbers.set(transformId, ++lastNumber)
  return numbers.get(transformId)
}

module.exports = { collectionKey }
