'use strict'
// connect-mongo's options, up to its version 6, in the terms of MongoSessionStore.

const { invalid } = require('../../error.cjs')
const { suggestion } = require('../../store/options.cjs')
const { NamedClient } = require('../../connection/client.cjs')
const { LONGEST_SECONDS, inMs, refusal } = require('../translate.cjs')
const { cryptoAdapterOf } = require('./crypto.cjs')

/** Two weeks, in seconds. */
const DEFAULT_TTL = 1_209_600

/** As the driver has it for a connection string without one; this package's own is another. */
const DEFAULT_DATABASE = 'test'

/** The longest that a timer of Node waits, in minutes. */
const LONGEST_MINUTES = 35_791

/** Options that go by other names here, the one that counts first. */
const NAMES = {
  uri: ['mongoUrl', 'url', 'uri'],
  client: ['mongooseConnection', 'db', 'clientPromise', 'client'],
  collection: ['collectionName', 'collection'],
  driverOptions: ['mongoOptions', 'driverOptions'],
  writeConcern: ['writeOperationOptions', 'writeConcern'],
}

/** Those that are not the store's own, for suggestions. */
const THEIRS = Object.fromEntries(
  [...Object.values(NAMES).flat(), 'crypto', 'secret'].map((name) => [name, true]),
)

/** Options of `secret`, which version 3 has beside it. */
const OF_SECRET = ['algorithm', 'hashing', 'encodeas', 'key_size', 'iv_size', 'at_size']

/** Every option of connect-mongo, of which null is as good as none; of the last, nothing else is. */
const NULLABLE = [
  ...[...Object.keys(THEIRS), 'dbName', 'ttl', 'touchAfter', 'autoRemove', 'autoRemoveInterval'],
  ...['stringify', 'serialize', 'unserialize', 'transformId', 'timestamps', 'cryptoAdapter'],
  ...['fallbackMemory', ...OF_SECRET, 'createAutoRemoveIdx'],
]

/**
 * The options of the store, and under which names connect-mongo's were given. Never changes the
 * caller's object; what is not connect-mongo's is left to the store.
 */
function toStoreOptions(theirs) {
  if (theirs === null || typeof theirs !== 'object' || Array.isArray(theirs)) {
    throw invalid('options must be an object')
  }
  const given = { ...theirs }
  for (const name of NULLABLE) {
    if (given[name] === undefined || given[name] === null) delete given[name]
  }
  const names = new Map()
  const { options, found } = takeRenamed(given, names)
  Object.assign(options, placeOf(given, found, names), lifetimes(given), formOf(given))
  return { options, names }
}

/** Options of version 3 that its later versions pass over in silence, and what stands for them there. */
const PASSED_OVER = {
  collection:
    "keep the sessions in the collection 'sessions' unless 'collectionName' names another one",
  secret: "encrypt nothing unless 'crypto' or 'cryptoAdapter' is given",
}

/**
 * Refuses what connect-mongo 4 to 6, whose form `create` is, take no notice of: obeyed, it would part this
 * process from those that still run them.
 */
function checkForm(given) {
  for (const [name, otherwise] of Object.entries(PASSED_OVER)) {
    if (!given?.[name]) continue
    throw invalid(
      `option '${name}' of MongoStore.create has no effect in connect-mongo 4 to 6, which ${otherwise}: leave it ` +
        "out, or take the form of version 3, new (require('mongodb-session-store/connect-mongo')(session))(options)",
    )
  }
}

/** What is left of the options, and what was found under connect-mongo's names. */
function takeRenamed(given, names) {
  const options = { ...given }
  const found = {}
  for (const [name, theirs] of Object.entries(NAMES)) {
    for (const their of theirs) delete options[their]
    const their = theirs.find((their) => isGiven(their, given[their]))
    if (their === undefined) continue
    found[name] = given[their]
    names.set(name, their)
  }
  for (const name of ['crypto', 'secret']) delete options[name]
  if (given.secret) for (const name of OF_SECRET) delete options[name]
  const { uri: _uri, client: _client, driverOptions: _driverOptions, ...others } = found
  return { options: { ...options, ...others }, found }
}

function isGiven(name, value) {
  // Long ago it could be the name of the database as well.
  if (name === 'db' && typeof value === 'string') return false
  // A missing variable of the environment is often given as an empty string.
  return value !== undefined && value !== ''
}

/** Where the sessions are. */
function placeOf(given, { uri, client, driverOptions = {} }, names) {
  if (uri !== undefined) {
    // The driver has it among its own options, too.
    const { dbName: ofDriver, ...others } = driverOptions
    const dbName = given.dbName ?? ofDriver ?? (typeof given.db === 'string' ? given.db : undefined)
    const fallback = namesDatabase(uri) ? undefined : DEFAULT_DATABASE
    return { uri, driverOptions: others, dbName: dbName ?? fallback }
  }
  if (client !== undefined) {
    // Options of a connection that is there already have no effect, and neither has the name of a
    // database beside what stands for one.
    const isDatabase = client === given.mongooseConnection || client === given.db
    const dbName = given.dbName ?? (typeof given.db === 'string' ? given.db : undefined)
    return {
      // What is wrong with a promise is found out when it is too late for other names.
      client: NamedClient.of(client, names.get('client')),
      driverOptions: given.driverOptions,
      dbName: isDatabase ? undefined : dbName,
    }
  }
  if (given.fallbackMemory === true) return { uri: 'memory:', fallbackMemory: undefined }
  throw invalid(
    "one of the options 'mongoUrl', 'clientPromise' and 'client' is needed, " +
      "or of the older 'url', 'mongooseConnection' and 'db'",
  )
}

/** Whether a connection string has a database in its path, or needs none. */
function namesDatabase(uri) {
  return typeof uri !== 'string' || !/^[^/]+:\/\/[^/?]*\/?(?:\?|$)/.test(uri)
}

/**
 * What is in seconds and minutes there, in milliseconds. 0 is as good as none, as in version 3: nobody
 * means sessions that are gone at once, or a removal that never rests.
 */
function lifetimes({ ttl = 0, touchAfter = 0, autoRemoveInterval = 0 }) {
  const isNever = touchAfter === Infinity
  return {
    ttl: inMs('ttl', ttl === 0 ? DEFAULT_TTL : ttl, 'seconds'),
    touchAfter: isNever ? Infinity : inMs('touchAfter', touchAfter, 'seconds', 0, LONGEST_SECONDS),
    autoRemoveInterval:
      inMs('autoRemoveInterval', autoRemoveInterval, 'minutes', 0, LONGEST_MINUTES) || undefined,
  }
}

/** The form in which the sessions are stored: the first of these that is given decides. */
function formOf(given) {
  const { stringify = true, serialize, unserialize, encryption } = given
  const cryptoAdapter = cryptoAdapterOf(given)
  const isDecided = serialize || unserialize || cryptoAdapter?.encrypt || encryption
  return { cryptoAdapter, stringify: isDecided ? undefined : stringify }
}

/** A refusal of the store in the names that the caller knows, with the one that was meant. */
function inTheirNames(error, names) {
  const renamed = refusal(error, names)
  const [, unknown] = /^unknown option '(\w+)'$/.exec(renamed.message) ?? []
  if (unknown === undefined) return renamed
  return invalid(renamed.message + suggestion(unknown, THEIRS, ''))
}

module.exports = { checkForm, inTheirNames, toStoreOptions }
