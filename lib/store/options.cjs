'use strict'
// Reads the options: names and JavaScript types. What values mean, and every default, is decided in
// src/options/.

const { isUint8Array } = require('node:util').types
const { invalid } = require('../error.cjs')
const { checkIndexes } = require('../lists/indexes.cjs')
const { checkAdapter } = require('../sessions/encoding.cjs')
const { TYPES } = require('./option-types.cjs')
const { checkPrevious } = require('./previous-store.cjs')
const { withLevel } = require('./rules.cjs')

/** The longest time that an option takes, in milliseconds; MAX_SPAN_MS of src/options/validate.rs. */
const LONGEST = 4e15

/**
 * Checks the options and answers those that are given. Never changes the caller's object; an option
 * that is undefined counts as not given.
 */
function readOptions(options) {
  if (!isGroup(options)) throw invalid(`options must be an object, got ${typeName(options)}`)
  // By so much no touch moves an expiry, so that none is sent.
  const touchAfter = options.touchAfter === Infinity ? LONGEST : options.touchAfter
  return readGroup({ ...options, touchAfter }, TYPES, '')
}

/**
 * The options apart: what the application has given to be called (`own`), what the addon is told
 * (`given`), and the keys.
 */
function splitOptions(options) {
  const read = readOptions(options)
  const {
    ttl,
    transformId,
    userId,
    device,
    serialize,
    unserialize,
    cryptoAdapter,
    previousStore,
    absoluteTimeout,
    maxPerUser,
    countsAsActivity,
    indexes = {},
    ...given
  } = withLevel(read)
  if (cryptoAdapter !== undefined) checkAdapter(cryptoAdapter)
  if (previousStore !== undefined) checkPrevious(previousStore, given)
  if (typeof ttl === 'function' && given.fields?.lastAccess !== undefined) {
    throw invalid("option 'ttl' must be a number with 'fields.lastAccess'")
  }
  if (countsAsActivity !== undefined && given.touchOnGet) {
    throw invalid("options 'touchOnGet' and 'countsAsActivity' exclude each other")
  }
  if (typeof ttl === 'number') given.ttl = ttl
  if (typeof absoluteTimeout === 'number') given.absoluteTimeout = absoluteTimeout
  if (typeof maxPerUser === 'number') given.maxPerUser = maxPerUser
  given.limitsLife = typeof absoluteTimeout === 'function'
  given.limitsUsers = typeof maxPerUser === 'function'
  given.userId = userId !== undefined
  given.device = device !== undefined && device !== false
  const functions = checkIndexes(indexes)
  given.indexes = functions.map(([name]) => name)
  given.serialize = serialize !== undefined || cryptoAdapter?.encrypt !== undefined
  given.unserialize = unserialize !== undefined || cryptoAdapter !== undefined
  given.movesIn = previousStore !== undefined
  given.encryptsOutside = cryptoAdapter?.encrypt !== undefined
  const keys = given.encryption === undefined ? [] : readKeys(given.encryption)
  if (given.encryption !== undefined) given.encryption = { ...given.encryption, keys: undefined }
  const own = { transformId, userId, device, serialize, unserialize, cryptoAdapter, previousStore }
  const { assurance } = read
  Object.assign(own, {
    assurance,
    countsAsActivity,
    indexes: functions,
    ...functionsOf({ ttl, absoluteTimeout, maxPerUser }),
  })
  return { own, given, keys }
}

/** Those that are functions. */
function functionsOf(options) {
  return Object.fromEntries(
    Object.entries(options).filter(([, option]) => typeof option === 'function'),
  )
}

/** Reads the options of one object; `path` leads to it in messages. */
function readGroup(options, known, path) {
  const given = {}
  for (const [name, value] of Object.entries(options)) {
    const types = Object.hasOwn(known, name) ? known[name] : undefined
    if (types === undefined) {
      throw invalid(`unknown option '${path}${name}'${suggestion(name, known, path)}`)
    }
    if (value === undefined) continue
    if (Array.isArray(types)) {
      checkType(path + name, value, types)
      given[name] = value
    } else {
      if (!isGroup(value)) {
        throw invalid(`option '${path}${name}' must be an object, got ${typeName(value)}`)
      }
      given[name] = readGroup(value, types, `${path}${name}.`)
    }
  }
  return given
}

function checkType(name, value, types) {
  const fits = types[0] === 'array' ? Array.isArray(value) : types.includes(typeof value)
  if (!fits || value === null) {
    throw invalid(`option '${name}' must be ${aTypeOf(types)}, got ${typeName(value)}`)
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalid(`option '${name}' must be a finite number, got ${value}`)
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw invalid(`option '${name}' must not hold a lone surrogate`)
  }
}

/** The keys of the option `encryption`, which are judged by the addon. */
function readKeys({ keys = [] }) {
  // An own list, in case the caller's is not a plain one and answers differently the next time.
  return Array.from(keys, (key, index) => {
    const name = `encryption.keys[${index}]`
    if (!isUint8Array(key)) checkType(name, key, ['string', 'Buffer of 32 bytes'])
    return key
  })
}

/** A plain object, or what can pass for one. */
function isGroup(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function typeName(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

function aTypeOf(types) {
  return types.map((type) => `${/^[ao]/.test(type) ? 'an' : 'a'} ${type}`).join(' or ')
}

/** What the options are called elsewhere, in the documentation of MongoDB, mongoose and other stores. */
const NAMES_ELSEWHERE = {
  collectionName: "'collection'",
  collection_name: "'collection'",
  mongoUrl: "'uri'",
  mongoUri: "'uri'",
  url: "'uri'",
  connectionString: "'uri'",
  databaseName: "'dbName'",
  database: "'dbName'",
  db: "'dbName' for its name, or 'client' for a Db",
  mongoClient: "'client'",
  clientPromise: "'client'",
  mongooseConnection: "'client'",
  connection: "'client'",
  mongoOptions: "'driverOptions'",
  connectionOptions: "'driverOptions'",
  retryWrite: "'driverOptions.retryWrites'",
  retryWrites: "'driverOptions.retryWrites'",
  poolSize: "'driverOptions.maxPoolSize'",
  maxPoolSize: "'driverOptions.maxPoolSize'",
  maxAge: "'ttl'",
  secret: "'encryption'",
  crypto: "'encryption'",
}

/** Names the known option that was probably meant. */
function suggestion(name, known, path) {
  if (known === TYPES && Object.hasOwn(NAMES_ELSEWHERE, name)) {
    return `, did you mean ${NAMES_ELSEWHERE[name]}?`
  }
  const wanted = name.toLowerCase()
  const close = Object.keys(known).find((other) => distance(other.toLowerCase(), wanted) <= 2)
  return close === undefined ? '' : `, did you mean '${path}${close}'?`
}

/** Levenshtein's distance. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + change)
    }
    row = next
  }
  return row[b.length]
}

module.exports = { splitOptions, suggestion }
