'use strict'
// Where the sessions are: connection string, options of the driver, or a client of the application
// whose settings are taken over. What an option means, and whether there is one of that name, is
// decided in src/connection/.

const { isOfDriver3, settingsOf } = require('./driver3.cjs')
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

/** A client with the name of the option or argument under which the application has given it. */
class NamedClient {
  constructor(client, name) {
    Object.assign(this, { client, name })
  }

  /** Names a client, unless it is nothing that could be one. */
  static of(client, name) {
    return typeof client === 'object' && client !== null ? new this(client, name) : client
  }
}

/** The options with the place of the sessions as the addon knows it, or what leads to it `later`. */
function placed({ client, uri, dbName, driverOptions, writeConcern, ...given }) {
  const { later, ...place } = readTarget({ client, uri, dbName, driverOptions, writeConcern })
  if (later === undefined) return { given: { ...given, ...place } }
  const fallsBack = given.fallbackMemory === true
  return { given: { ...given, awaitsAddress: true }, later: { ...later, fallsBack } }
}

/**
 * Tells the addon where the sessions are as soon as the application knows it, or why not. If its promise was
 * rejected, `rejection` gets the `reason`.
 */
async function follow(native, { found, settings, option, fallsBack }, rejection) {
  let client
  try {
    client = await found
  } catch (reason) {
    // It may quote credentials, so it is in no message.
    rejection.reason = reason
    return native.leadTo(undefined, fallsBack ? undefined : rejected(option))
  }
  try {
    native.leadTo(JSON.stringify(settings(client)))
  } catch (error) {
    native.leadTo(undefined, error?.code === 'ERR_STORE_OPTION' ? error.message : notOne(option))
  }
}

function rejected(option) {
  return (
    `option '${option}' is a promise that was rejected, so the session store never works; ` +
    'with a connection string or a MongoClient that is not connected it waits for a server that is down'
  )
}

/**
 * What the options say about the place, for the addon: `uri`, `dbName` and `driverOptions`, a list
 * of pairs of strings. Or, if only the application knows that later, a promise of it as `later`.
 */
function readTarget({ client: given, uri, dbName, driverOptions, writeConcern }) {
  const options = [
    ...sure('driverOptions', pairs(driverOptions ?? {})),
    ...sure('writeConcern', pairs({ writeConcern })),
  ]
  if (given === undefined) return withCredentials({ uri, dbName, driverOptions: options })
  const { client, name } = given instanceof NamedClient ? given : { client: given, name: 'client' }
  if (uri !== undefined) throw invalid(`options 'uri' and '${name}' exclude each other`)
  const settings = (found) => {
    const address = addressOf(found, name)
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
  // A mongoose connection has its client as soon as it is being opened. That of version 5 is a promise
  // as well then, which would be rejected if the first attempt failed.
  const connection = client.connection ?? client
  if (typeof connection.openUri === 'function') {
    if (clientOf(client)) return settings(client)
    const later = { found: opened(connection), settings: () => settings(client), option: name }
    return { later }
  }
  if (typeof client.then !== 'function') return settings(client)
  return { later: { found: client, settings, option: name } }
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
  const client = source?.client ?? source?.s?.client
  // A Db of driver 3 has none.
  return client ?? (isOfDriver3(source) ? source : undefined)
}

/** How to get the MongoClient that the application has given as an option, as soon as there is one. */
function clientGetter(option) {
  let object = option instanceof NamedClient ? option.client : option
  const isPromise = typeof object?.then === 'function' && typeof object.openUri !== 'function'
  if (isPromise) {
    const promise = object
    object = undefined
    promise.then(
      (found) => (object = found),
      () => {},
    )
  }
  return () => clientOf(object)
}

/** The database that an object stands for, if it stands for one. */
function databaseOf(object) {
  const source = object?.connection ?? object
  if (source?.databaseName !== undefined) return source.databaseName
  if (typeof source?.openUri !== 'function') return undefined
  if (source.db) return source.db.databaseName
  // Before a mongoose connection is open, its name is missing or not the one that it will have; only
  // what `useDb` has made, which has no connection string, knows it.
  return source._connectionString === undefined ? source.name : source.$dbName
}

/** Whether a client is of version 4 or later of the driver. */
function hasSettings(client) {
  return Array.isArray(client?.options?.hosts)
}

/** Where the object leads that the application has given as the option `option`. */
function addressOf(object, option) {
  const client = clientOf(object)
  if (!hasSettings(client) && !isOfDriver3(client)) throw invalid(notOne(option))
  const options = hasSettings(client) ? client.options : settingsOf(client, option)
  const isFromFile = (name) => options[READ_FROM[name]] !== undefined
  const isInTheWay = (name) => options[name] !== undefined && !isFromFile(name)
  const unfit = options.unfit ?? IN_THE_WAY.find(isInTheWay)
  if (unfit !== undefined) {
    throw invalid(
      `option '${option}' has '${unfit}', which cannot be taken over; give the session store its own 'uri' and 'driverOptions'`,
    )
  }
  const { credentials, srvHost, path = '' } = options
  const hosts = options.hosts.map(hostOf)
  const user = credentials?.username
  const login = user ? `${encodeURIComponent(user)}${password(credentials)}@` : ''
  const uri = srvHost
    ? `mongodb+srv://${login}${srvHost}/${encodeURIComponent(path)}`
    : `mongodb://${login}${hosts.join()}/`
  return {
    uri,
    dbName: databaseOf(object) ?? options.dbName,
    driverOptions: sure(option, [...pairs(ofConnection(options)), ...ofCredentials(credentials)]),
  }
}

function notOne(option) {
  return `option '${option}' must be a MongoClient, a Db, a mongoose connection, or a promise of one of them`
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
  // Without a word about it there is TLS behind a name that DNS translates.
  if (given.tls !== true && !options.srvHost) delete given.tls
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

module.exports = { NamedClient, OF_DRIVER, clientGetter, follow, placed }
