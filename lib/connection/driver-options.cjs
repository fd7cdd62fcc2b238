'use strict'
// The options of the Node driver: which there are, and how the addon is told them.

const { invalid } = require('../error.cjs')
const { kindOf } = require('../kind.cjs')

/** Accepted by the Node driver without any effect since its version 4; old applications have them. */
const WITHOUT_EFFECT = new Set(['useNewUrlParser', 'useUnifiedTopology'])

/** What of a MongoClient's options a connection has; the others are about the Node driver. */
const OF_CONNECTION = [
  ...['replicaSet', 'directConnection', 'loadBalanced', 'srvMaxHosts', 'srvServiceName', 'appName'],
  ...['heartbeatFrequencyMS', 'localThresholdMS', 'serverMonitoringMode'],
  ...['serverSelectionTimeoutMS', 'connectTimeoutMS', 'maxConnecting', 'maxIdleTimeMS'],
  ...['maxPoolSize', 'minPoolSize', 'socketTimeoutMS', 'timeoutMS', 'waitQueueTimeoutMS'],
  ...['compressors', 'zlibCompressionLevel', 'proxyHost', 'proxyPort', 'proxyUsername'],
  ...['proxyPassword', 'tls', 'tlsCAFile', 'tlsCertificateKeyFile'],
  ...['tlsCertificateKeyFilePassword', 'retryReads', 'retryWrites'],
  ...['readConcern', 'readPreference', 'writeConcern', 'serverApi'],
]

/** The options of the driver for which somebody may look among those of the store. */
const OF_DRIVER = [
  ...[...OF_CONNECTION, 'auth', 'authMechanism', 'authMechanismProperties', 'authSource'],
  ...['readConcernLevel', 'readPreferenceTags', 'maxStalenessSeconds', 'tlsInsecure'],
  ...['tlsAllowInvalidCertificates', 'tlsAllowInvalidHostnames', ...WITHOUT_EFFECT],
]

/** Options of the Node driver as pairs of strings, as a connection string has them. */
function pairs(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === null || WITHOUT_EFFECT.has(name)) return []
    if (name === 'readPreference') return readPreference(value)
    if (name === 'readConcern') return readConcern(value)
    if (name === 'writeConcern') return writeConcern(value)
    if (name === 'auth') return logIn(value)
    if (name === 'serverApi') return serverApi(value)
    if (Array.isArray(value)) return [[name, value.join()]]
    // The addon knows why an option with another value is refused.
    return [[name, typeof value === 'object' || typeof value === 'function' ? '' : String(value)]]
  })
}

function readConcern(value) {
  const level = typeof value === 'object' ? value.level : value
  if (typeof level === 'string') return [['readConcernLevel', level]]
  throw invalid(
    "option 'driverOptions.readConcern' must be an object with a 'level', or that level",
  )
}

/** The version of the server's API that the commands declare: a string, or an object with more of it. */
function serverApi(value) {
  const { version, strict, deprecationErrors, ...others } =
    typeof value === 'object' ? value : { version: value }
  if (version === undefined) throw invalid("option 'driverOptions.serverApi' needs a 'version'")
  const [unknown] = Object.keys(others).filter((name) => others[name] !== undefined)
  if (unknown !== undefined) throw invalid(`unknown option 'driverOptions.serverApi.${unknown}'`)
  return pairs({
    'serverApi.version': version,
    'serverApi.strict': strict,
    'serverApi.deprecationErrors': deprecationErrors,
  })
}

/** Up to version 3 of the driver the user name was `user`. */
function logIn(auth) {
  if (typeof auth !== 'object') {
    throw invalid(
      `option 'driverOptions.auth' must be an object of 'username' and 'password', got ${kindOf(auth)}`,
    )
  }
  const { username, user = username, password } = auth
  if (password !== undefined && user === undefined) {
    throw invalid("option 'driverOptions.auth' needs a 'username' beside its 'password'")
  }
  return pairs({ username: user, password })
}

function readPreference(value) {
  if (typeof value === 'string') return [['readPreference', value]]
  const { mode, tags = [], maxStalenessSeconds } = value
  const sets = (Array.isArray(tags) ? tags : [tags]).map((set) => {
    if (typeof set === 'string') {
      throw invalid(
        "option 'driverOptions.readPreference.tags' must be objects such as { dc: 'east' }, got a string",
      )
    }
    const names = Object.entries(set ?? {}).map(([name, tag]) => `${name}:${tag}`)
    return ['readPreferenceTags', names.join()]
  })
  return [['readPreference', String(mode)], ...sets, ...pairs({ maxStalenessSeconds })]
}

function writeConcern(value) {
  if (typeof value !== 'object') return [['w', String(value)]]
  const { w, j, journal, wtimeout, wtimeoutMS, ...others } = value
  const [unknown] = Object.keys(others).filter((name) => others[name] !== undefined)
  if (unknown !== undefined) throw invalid(`unknown option 'writeConcern.${unknown}'`)
  return pairs({ w, journal: journal ?? j, wtimeoutMS: wtimeoutMS ?? wtimeout })
}

/** Refuses the pairs of an option that say that a write need not be acknowledged. */
function sure(option, found) {
  if (found.some(([name, value]) => name === 'w' && value !== '' && Number(value) < 1)) {
    throw invalid(
      `option '${option}' has 'w', which must not be below 1: the session store has to know whether a session was stored`,
    )
  }
  return found
}

/** User name and password as they stand before the hosts of a connection string. */
function userInfo({ username, password }) {
  const secret = password ? `:${encodeURIComponent(password)}` : ''
  return `${encodeURIComponent(username)}${secret}@`
}

module.exports = { OF_CONNECTION, OF_DRIVER, pairs, sure, userInfo }
