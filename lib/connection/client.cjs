'use strict'
// The client that the application has given, and where it leads: what of its settings a connection of the store takes
// over.

const { OF_CONNECTION, pairs, sure, userInfo } = require('./driver-options.cjs')
const { isOfDriver3, settingsOf } = require('./driver3.cjs')
const { invalid } = require('../error.cjs')

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
  const login = credentials?.username ? userInfo(credentials) : ''
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

module.exports = { NamedClient, addressOf, clientGetter, clientOf, notOne }
