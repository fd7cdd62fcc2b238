'use strict'
// MongoSessionStore with the constructor of the package express-session-mongodb.

const { invalid, unfit } = require('../error.cjs')
const { MongoSessionStore } = require('../store/store.cjs')
const { NamedClient } = require('../connection/target.cjs')
const { callable } = require('./callable.cjs')
const { serialize, unserialize } = require('./filtered-session.cjs')
const { LONGEST_SECONDS, inMs, refusal, translate } = require('./translate.cjs')

/** Where the other package keeps what in a document. */
const FIELDS = { id: 'SessionID', session: 'Data', lastAccess: 'LastAccessed', deleted: 'Delete' }

const OPTIONS = {
  CollectionName: ['collection'],
  TimeToLive: ['ttl', idleTime],
}

class Store extends MongoSessionStore {
  constructor(DB, callback, options) {
    if (callback !== undefined && callback !== null && typeof callback !== 'function') {
      throw unfit('the constructor', 'callback', 'a function', callback)
    }
    const { own, names } = read(DB, options ?? {})
    try {
      super(own)
    } catch (error) {
      throw refusal(error, names)
    }
    // Unlike an event, a pending operation keeps the process alive until the callback has been called.
    if (callback) this.ping((error) => callback(error, this))
  }

  /** Flags a session as deleted, or with `null` all of them, and answers how many were flagged. */
  FlagDeletion(sid, callback) {
    return this.flagDeletion(sid, callback)
  }

  /** Deletes the flagged sessions and answers how many there were. */
  Cleanup(callback) {
    return this.cleanup(callback)
  }
}

function read(DB, options) {
  if (DB === undefined || DB === null) throw invalid("argument 'DB' must be a Db of the driver")
  if (typeof options !== 'object') {
    throw invalid(`options must be an object, got ${typeof options}`)
  }
  // Its source has an option ConvertToUtf8 without any effect, and DeleteFlag for what its
  // documentation calls DeleteFlags. The index on the session id is not a choice here.
  const { IndexSessionID, Filter, DeleteFlags, DeleteFlag, ConvertToUtf8: _, ...others } = options
  checkFlags({ Filter, DeleteFlags, DeleteFlag, IndexSessionID })
  const { own, names } = translate(others, OPTIONS)
  if (own.client !== undefined || own.uri !== undefined) {
    throw invalid("the argument 'DB' and the options 'client' and 'uri' exclude each other")
  }
  own.client = NamedClient.of(DB, 'DB')
  names.set('client', 'DB')
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

module.exports = callable(Store)
