'use strict'
// Reads the options: names and JavaScript types. What values mean, and every default, is decided in
// src/options/.

const { isUint8Array } = require('node:util').types
const { invalid } = require('../error.cjs')
const { kindOf, tagOf } = require('../kind.cjs')
const { checkIndexes } = require('../lists/indexes.cjs')
const { checkAdapter } = require('../sessions/encoding.cjs')
const { OF_DRIVER } = require('../connection/driver-options.cjs')
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
  if (!isGroup(options)) {
    const meant = typeof options === 'string' ? ' such as { uri }' : ''
    throw invalid(`options must be an object${meant}, got ${typeName(options)}`)
  }
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
  if (!types.some((type) => isOfType(type, value))) {
    throw invalid(`option '${name}' must be ${aTypeOf(types)}, got ${typeName(value)}`)
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalid(`option '${name}' must be a finite number, got ${value}`)
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw invalid(`option '${name}' must not hold a lone surrogate`)
  }
}

function isOfType(type, value) {
  if (type === 'array') return Array.isArray(value)
  if (type === 'record') return isGroup(value)
  return typeof value === type && value !== null
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

/** What a module exports can pass for an object literal, too. */
const GROUPS = new Set(['Object', 'Module'])

/**
 * A plain object, or what can pass for one. In a promise of options, or a URL, nobody would find any, and take the
 * defaults.
 */
function isGroup(value) {
  if (value === null || typeof value !== 'object') return false
  return GROUPS.has(tagOf(value)) && typeof value.then !== 'function'
}

function typeName(value) {
  const isOfItsOwn = typeof value === 'object' && !isGroup(value)
  return isOfItsOwn ? kindOf(value) : typeof value
}

function aTypeOf(types) {
  return types
    .map((type) => (type === 'record' ? 'object' : type))
    .map((type) => `${/^[ao]/.test(type) ? 'an' : 'a'} ${type}`)
    .join(' or ')
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
  mongooseInstance: "'client'",
  retryWrite: "'driverOptions.retryWrites'",
  poolSize: "'driverOptions.maxPoolSize'",
  ssl: "'driverOptions.tls'",
  host: "'uri'",
  hosts: "'uri'",
  port: "'uri'",
  user: "'uri'",
  username: "'uri'",
  password: "'uri'",
  w: "'writeConcern'",
  j: "'writeConcern'",
  journal: "'writeConcern'",
  wtimeout: "'writeConcern'",
  wtimeoutMS: "'writeConcern'",
  writeOperationOptions: "'writeConcern'",
  maxAge: "'ttl'",
  timeToLive: "'ttl'",
  expires: "'ttl'",
  expiration: "'ttl'",
  expiresAfterSeconds: "'expireAfter'",
  expireAfterSeconds: "'expireAfter'",
  idField: "'fields.id'",
  expiresKey: "'fields.expires'",
  timeout: "'operationTimeout'",
  secret: "'encryption'",
  crypto: "'encryption'",
  idleTimeout: "'ttl'",
  maxSessions: "'maxPerUser'",
  grace: "'deleteGrace', or the option 'grace' of the method renew",
}

/** The options of express-session but for `secret`, which other stores have as well, by its own name. */
const OF_EXPRESS_SESSION = new Set([
  ...[
    'cookie',
    'genid',
    'name',
    'proxy',
    'resave',
    'rolling',
    'saveUninitialized',
    'store',
    'unset',
  ],
])

/** Names the known option that was probably meant. */
function suggestion(name, known, path) {
  if (known === TYPES) {
    const meant = meantByName(name)
    if (meant !== undefined) return meant
  }
  if (known === TYPES.encryption && /^(?:secret|password|passphrase)$/i.test(name)) {
    return `, did you mean '${path}keys'?`
  }
  const wanted = name.toLowerCase()
  // Of a short name, two other letters leave nothing.
  const most = name.length < 4 ? 1 : 2
  const close = Object.keys(known).find((other) => distance(other.toLowerCase(), wanted) <= most)
  return close === undefined ? '' : `, did you mean '${path}${close}'?`
}

/** What is meant by a name that options have elsewhere. */
function meantByName(name) {
  const isIt = (other) => other.toLowerCase() === name.toLowerCase()
  const elsewhere = Object.keys(NAMES_ELSEWHERE).find(isIt)
  if (elsewhere !== undefined) return `, did you mean ${NAMES_ELSEWHERE[elsewhere]}?`
  if (OF_EXPRESS_SESSION.has(name)) {
    return ': it is one of express-session, session({ store, … }), and none of its store'
  }
  const group = Object.keys(TYPES).find((each) => {
    return !Array.isArray(TYPES[each]) && Object.hasOwn(TYPES[each], name)
  })
  if (group !== undefined) return `, did you mean '${group}.${name}'?`
  const ofDriver = OF_DRIVER.find(isIt)
  return ofDriver && `, did you mean 'driverOptions.${ofDriver}'?`
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
