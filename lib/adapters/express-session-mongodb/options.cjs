'use strict'
// The options of express-session-mongodb in the terms of MongoSessionStore.

const { invalid } = require('../../error.cjs')
const { serialize, unserialize } = require('../filtered-session.cjs')
const { LONGEST_SECONDS, inMs, translate } = require('../translate.cjs')

/** Where the other package keeps what in a document. */
const FIELDS = { id: 'SessionID', session: 'Data', lastAccess: 'LastAccessed', deleted: 'Delete' }

const OPTIONS = {
  CollectionName: ['collection'],
  TimeToLive: ['ttl', idleTime],
}

/** The options of the store, and under which names those of the package were given; without the Db. */
function toStoreOptions(options) {
  if (typeof options !== 'object') {
    throw invalid(`options must be an object, got ${typeof options}`)
  }
  // Its source has an option ConvertToUtf8 without any effect, and DeleteFlag for what its
  // documentation calls DeleteFlags. The index on the session id is not a choice here.
  const { IndexSessionID, Filter, DeleteFlags, DeleteFlag, ConvertToUtf8: _, ...others } = options
  checkFlags({ Filter, DeleteFlags, DeleteFlag, IndexSessionID })
  const { own, names } = translate(others, OPTIONS)
  own.collection ??= 'Sessions'
  own.fields = { ...FIELDS, ...own.fields }
  if (own.ttl === undefined) neverExpire(own)
  else own.touchOnGet ??= true
  flagInstead(own, { DeleteFlags, DeleteFlag })
  if (Filter) filter(own)
  return { own, names }
}

function checkFlags(given) {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== null && typeof value !== 'boolean') {
      throw invalid(`option '${name}' must be a boolean, got ${typeof value}`)
    }
  }
}

/** Nothing is removed of sessions that have no end, and what would remove them needs one. */
function neverExpire(own) {
  const removes = own.autoRemove === 'native' || own.autoRemove === 'interval'
  const name = removes ? 'autoRemove' : own.createTTLIndex === true ? 'createTTLIndex' : undefined
  if (name !== undefined) {
    throw invalid(
      `option '${name}' needs 'TimeToLive': without one, or with 0, sessions do not expire`,
    )
  }
  own.autoRemove ??= 'disabled'
}

/** Either name may be given, or both, of which one is enough to flag. */
function flagInstead(own, theirs) {
  const given = Object.entries(theirs).filter(([, value]) => typeof value === 'boolean')
  if (given.length === 0) return
  if (own.deleteFlags !== undefined) {
    throw invalid(`options '${given[0][0]}' and 'deleteFlags' exclude each other`)
  }
  own.deleteFlags = given.some(([, value]) => value)
}

function filter(own) {
  for (const name of ['serialize', 'unserialize']) {
    if (own[name] !== undefined) throw invalid(`options 'Filter' and '${name}' exclude each other`)
  }
  own.serialize = serialize
  own.unserialize = unserialize
}

/** The lifetime in milliseconds; 0 means that sessions do not expire. */
function idleTime(name, value) {
  return inMs(name, value, 'seconds', 0, LONGEST_SECONDS) || undefined
}

module.exports = { toStoreOptions }
