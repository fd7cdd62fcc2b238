'use strict'
// Where the sessions are: connection string, options of the driver, or a client of the application
// whose settings are taken over. What an option means, and whether there is one of that name, is
// decided in src/connection/.

const { invalid } = require('./error.cjs')

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
  ...['readConcern', 'readPreference', 'writeConcern'],
]

/** Without these a connection would lead somewhere else, and they cannot be taken over. */
const IN_THE_WAY = [
  'ca',
  'cert',
  'key',
  'pfx',
  'crl',
  'tlsCRLFile',
  'secureContext',
  'autoEncryption',
]

/** The same, but for what a driver of version 7 reads from these files when it connects. */
const READ_FROM = {
  ca: 'tlsCAFile',
  cert: 'tlsCertificateKeyFile',
  key: 'tlsCertificateKeyFile',
}

/** The options with the place of the sessions as the addon knows it, or a promise of the place. */
function placed({ client, uri, dbName, driverOptions, writeConcern, ...given }) {
  const { later, ...place } = readTarget({ client, uri, dbName, driverOptions, writeConcern })
  if (later === undefined) return { given: { ...given, ...place } }
  return { given: { ...given, awaitsAddress: true }, later }
}

/** Tells the addon where the sessions are as soon as the application knows it, or why not. */
async function follow(native, later) {
  try {
    native.leadTo(JSON.stringify(await later))
  } catch (error) {
    // What is not refused here is the application's own to see, and may quote credentials.
    native.leadTo(undefined, error?.code === 'ERR_STORE_OPTION' ? error.message : undefined)
  }
}

/**
 * What the options say about the place, for the addon: `uri`, `dbName` and `driverOptions`, a list
 * of pairs of strings. Or, if only the application knows that later, a promise of it as `later`.
 */
function readTarget({ client, uri, dbName, driverOptions, writeConcern }) {
  const options = [...pairs(driverOptions ?? {}), ...pairs({ writeConcern })]
  if (client === undefined) return withCredentials({ uri, dbName, driverOptions: options })
  if (uri !== undefined) throw invalid("options 'uri' and 'client' exclude each other")
  const settings = (found) => {
    const address = addressOf(found)
    return {
      ...address,
      dbName: dbName ?? address.dbName,
      // Of two with the same name the addon would refuse the second.
      driverOptions: [
        ...address.driverOptions.filter(
          ([name]) => !options.some(([other]) => isSame(name, other)),
        ),
        ...options,
      ],
    }
  }
  if (typeof client.then === 'function') return { later: Promise.resolve(client).then(settings) }
  // A mongoose connection has its client as soon as it has been opened.
  const connection = client.connection ?? client
  if (typeof connection.asPromise === 'function' && !clientOf(client)) {
    return { later: opened(connection).then(() => settings(client)) }
  }
  return settings(client)
}

/** Until a mongoose connection is open. An attempt that fails may be followed by another one. */
function opened(connection) {
  return new Promise((resolve) => connection.once('connected', resolve))
}

function isSame(name, other) {
  return name.toLowerCase() === other.toLowerCase()
}

/** The MongoClient behind a MongoClient, a Db, a mongoose connection or mongoose itself. */
function clientOf(object) {
  const source = object?.connection ?? object
  if (typeof source?.getClient === 'function') return source.getClient() ?? undefined
  if (source?.options !== undefined && typeof source.db === 'function') return source
  return source?.client
}

/** The database that an object stands for, if it stands for one. */
function databaseOf(object) {
  const source = object?.connection ?? object
  return source?.databaseName ?? (typeof source?.getClient === 'function' ? source.name : undefined)
}

function addressOf(object) {
  const client = clientOf(object)
  const options = client?.options
  if (!Array.isArray(options?.hosts)) {
    throw invalid(
      "option 'client' must be a MongoClient, a Db, a mongoose connection, or a promise of one of them",
    )
  }
  const isFromFile = (name) => options[READ_FROM[name]] !== undefined
  const unfit = IN_THE_WAY.find((name) => options[name] !== undefined && !isFromFile(name))
  if (unfit !== undefined) {
    throw invalid(
      `option 'client' has '${unfit}', which cannot be taken over; give the session store its own 'uri' and 'driverOptions'`,
    )
  }
  const { credentials, srvHost } = options
  const hosts = options.hosts.map(hostOf)
  const user = credentials?.username
  const login = user ? `${encodeURIComponent(user)}${password(credentials)}@` : ''
  const uri = srvHost ? `mongodb+srv://${login}${srvHost}/` : `mongodb://${login}${hosts.join()}/`
  return {
    uri,
    dbName: databaseOf(object) ?? options.dbName,
    driverOptions: [...pairs(ofConnection(options)), ...ofCredentials(credentials)],
  }
}

/** A host as a connection string has it. */
function hostOf(host) {
  return host.socketPath ? encodeURIComponent(host.socketPath) : String(host)
}

function password({ password }) {
  return password ? `:${encodeURIComponent(password)}` : ''
}

function ofConnection(options) {
  const given = Object.fromEntries(OF_CONNECTION.map((name) => [name, options[name]]))
  // The driver has translated these for Node's sockets.
  if (options.rejectUnauthorized === false) given.tlsAllowInvalidCertificates = true
  // It is the default of the driver and refused together with others by it.
  if (given.readPreference?.mode === 'primary') delete given.readPreference
  if (given.directConnection === false) delete given.directConnection
  if (given.loadBalanced === false) delete given.loadBalanced
  if (!options.srvHost) {
    delete given.srvMaxHosts
    delete given.srvServiceName
  }
  if (given.tls !== true) delete given.tls
  return given
}

function ofCredentials(credentials) {
  if (!credentials) return []
  const { mechanism, mechanismProperties, source } = credentials
  const properties = Object.entries(mechanismProperties ?? {})
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => `${name}:${value}`)
  return pairs({
    authSource: source,
    authMechanism: mechanism === 'DEFAULT' ? undefined : mechanism,
    authMechanismProperties: properties.length > 0 ? properties.join() : undefined,
  })
}

/** Options of the Node driver as pairs of strings, as a connection string has them. */
function pairs(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === null || WITHOUT_EFFECT.has(name)) return []
    if (name === 'readPreference') return readPreference(value)
    if (name === 'readConcern') return [['readConcernLevel', value.level ?? String(value)]]
    if (name === 'writeConcern') return writeConcern(value)
    if (name === 'auth') return pairs({ username: value.username, password: value.password })
    if (Array.isArray(value)) return [[name, value.join()]]
    // The addon knows why an option with another value is refused.
    return [[name, typeof value === 'object' || typeof value === 'function' ? '' : String(value)]]
  })
}

function readPreference(value) {
  if (typeof value === 'string') return [['readPreference', value]]
  const { mode, tags = [], maxStalenessSeconds } = value
  const sets = (Array.isArray(tags) ? tags : [tags]).map((set) => {
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

/** User name and password have their place in the connection string. */
function withCredentials({ uri, dbName, driverOptions }) {
  const find = (wanted) => driverOptions.find(([name]) => name === wanted)?.[1]
  const username = find('username')
  if (username === undefined) return { uri, dbName, driverOptions }
  if (uri === undefined || /^[^:]*:\/\/[^/]*@/.test(uri)) {
    throw invalid("option 'driverOptions.auth' needs a 'uri' without a user name")
  }
  const login = `${encodeURIComponent(username)}${password({ password: find('password') })}@`
  return {
    uri: uri.replace('://', `://${login}`),
    dbName,
    driverOptions: driverOptions.filter(([name]) => name !== 'username' && name !== 'password'),
  }
}

module.exports = { follow, placed }
