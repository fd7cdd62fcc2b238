'use strict'
// The settings of a client of the Node driver 3, which mongoose 5 has inside, as clients of later
// versions have them in `options`. One that was told to connect has read its connection string and
// merged it with its options. One that was not has both of them as they were given; they are merged
// here as that driver does.

const { invalid } = require('../error.cjs')

/** A connection string: scheme, log-in, hosts, database, options. */
const FORM = /^(mongodb(?:\+srv)?):\/\/(?:([^/?@]*)@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/s

/** Settings that are called the same later, in any case in a connection string. */
const SAME = [
  ...['serverSelectionTimeoutMS', 'heartbeatFrequencyMS', 'localThresholdMS'],
  ...['maxIdleTimeMS', 'waitQueueTimeoutMS', 'retryReads', 'retryWrites'],
]

const OF_CONCERN = ['w', 'wtimeout', 'j', 'fsync']

/** What else is read of a connection string. */
const OTHERS = [
  ...['replicaSet', 'directConnection', 'appname', 'maxPoolSize', 'poolSize'],
  ...['socketTimeoutMS', 'connectTimeoutMS', 'compressors'],
  ...['ssl', 'tls', 'tlsInsecure', 'tlsAllowInvalidCertificates', 'tlsAllowInvalidHostnames'],
  ...['tlsCAFile', 'tlsCertificateFile', 'tlsCertificateKeyFile', 'tlsCertificateKeyFilePassword'],
  ...['sslValidate', 'sslCA', 'sslCert', 'sslKey', 'sslCRL', 'sslPass'],
  ...['authSource', 'authMechanism', 'authMechanismProperties'],
  ...['readPreference', 'readPreferenceTags', 'maxStalenessSeconds', 'readConcernLevel'],
  ...OF_CONCERN,
]

/** Those of TLS that hold what is in files. */
const FILES = ['sslCA', 'sslCert', 'sslKey', 'sslPass']

const KNOWN = new Map([...SAME, ...OTHERS].map((name) => [name.toLowerCase(), name]))
KNOWN.set('wtimeoutms', 'wtimeout').set('journal', 'j')

/** What the driver calls the mechanisms, where it is not their name in lower case. */
const MECHANISMS = { mongocr: 'MONGODB-CR', x509: 'MONGODB-X509' }

/** Those whose users are not in a database. */
const EXTERNAL = ['MONGODB-X509', 'MONGODB-AWS']

/** Whether an object is a MongoClient or a Db of that driver, given that it is of no later one. */
function isOfDriver3(object) {
  return (object?.s?.options && object.s.url) !== undefined || object?.s?.topology !== undefined
}

/** The settings of a MongoClient or Db that the application knows as the option `option`. */
function settingsOf({ s }, option) {
  // A Db knows its servers only, which have the settings of the client.
  const merged = s.topology === undefined ? s.options : s.topology.s?.options
  if (Array.isArray(merged?.servers)) return settings(merged)
  const [, scheme, login, hosts, path, query] = FORM.exec(s.url) ?? unreadable(option)
  // mongoose 5 takes an older parser unless told otherwise, and so did the driver before 3.3.
  const { useNewUrlParser = s.namespace !== undefined } = s.options
  try {
    const address = { login, servers: hosts.split(','), path: decodeURIComponent(path ?? '') }
    if (scheme === 'mongodb+srv') address.srvHost = hosts
    return settings(merge(address, ofQuery(query), { ...s.options, useNewUrlParser }))
  } catch {
    return unreadable(option)
  }
}

function unreadable(option) {
  throw invalid(
    `option '${option}' has no connection string that can be read; give the session store its own 'uri'`,
  )
}

/** The options of a connection string, under their names. */
function ofQuery(query = '') {
  const found = {}
  for (const [name, text] of new URLSearchParams(query)) {
    const value = { true: true, false: false }[text] ?? text
    const known = KNOWN.get(name.toLowerCase())
    if (known === 'readPreferenceTags') (found[known] ??= []).push(value)
    else if (known !== undefined) found[known] = value
  }
  return found
}

/** What the driver makes of a connection string and its options when it is told to connect. */
function merge({ login, servers, srvHost, path }, query, options) {
  const all = { ...query, ...options }
  const { useNewUrlParser, dbName, writeConcern: own } = options
  const concern = given(all, OF_CONCERN)
  const known = { ...all, servers, srvHost }
  if (srvHost !== undefined) {
    known.ssl ??= true
    // What DNS says about the log-in takes precedence over the path, and is left to the addon.
    known.path = path
  }
  // The older parser has other defaults, and no `tls`.
  if (useNewUrlParser === false) {
    const database = dbName ?? (path || 'admin')
    const credentials = logIn(all.auth, all, login, database)
    const { tlsCAFile, tlsCertificateKeyFile } = options
    const files = { tlsCAFile, tlsCertificateKeyFile }
    const concerns = { ...concern, ...own }
    return { ...known, ...files, dbName: database, credentials, writeConcern: concerns }
  }
  const source = path || (all.authMechanism === 'PLAIN' ? '$external' : 'admin')
  return {
    ...known,
    ...tlsOf(known),
    ...given(options, ['ssl', 'sslValidate', 'checkServerIdentity', ...FILES]),
    directConnection: all.directConnection ?? (servers.length === 1 && isMissing(all.replicaSet)),
    dbName: dbName ?? (path || 'test'),
    credentials: logIn(all.auth ?? all, all, login, srvHost === undefined ? source : undefined),
    writeConcern: { ...own, ...concern },
  }
}

/** The older names of options of TLS, with the meaning of the newer ones. */
function tlsOf(all) {
  const { tlsCAFile, tlsCertificateFile, tlsCertificateKeyFile: keyFile } = all
  const password = all.tlsCertificateKeyFilePassword
  return {
    ssl: Boolean(all.tls || tlsCAFile || keyFile || password) || all.ssl,
    sslValidate: all.sslValidate ?? !(all.tlsInsecure || all.tlsAllowInvalidCertificates),
    checkServerIdentity: !(all.tlsInsecure || all.tlsAllowInvalidHostnames),
    sslCA: tlsCAFile ?? all.sslCA,
    sslKey: keyFile ?? all.sslKey,
    sslCert: (keyFile && (tlsCertificateFile ?? keyFile)) ?? all.sslCert,
    sslPass: password ?? all.sslPass,
  }
}

/** Who logs in: the option `auth` takes precedence over the connection string. */
function logIn(auth, { authMechanism, authMechanismProperties, authSource }, login = '', source) {
  const [name, secret] = login.split(':').map(decodeURIComponent)
  const username = auth?.user ?? auth?.username ?? (name || undefined)
  if (username === undefined && authMechanism === undefined) return undefined
  const isText = typeof authMechanismProperties === 'string'
  return {
    username,
    password: auth?.password ?? secret,
    mechanism: authMechanism ?? 'DEFAULT',
    mechanismProperties: isText ? byName(authMechanismProperties) : authMechanismProperties,
    source: authSource ?? source,
  }
}

/** Settings in the form of later versions of the driver; in `unfit` the name of one without a form. */
function settings(of) {
  const hosts = of.servers.map(hostOf)
  const replicaSet = of.replicaSet ?? of.rs_name ?? of.setName
  // So it was before the unified topology, which may find more servers.
  const isAlone = !of.useUnifiedTopology && hosts.length === 1 && isMissing(replicaSet)
  return {
    ...given(of, SAME),
    hosts,
    srvHost: of.srvHost,
    path: of.path,
    dbName: of.dbName,
    credentials: credentials(of.credentials),
    replicaSet,
    directConnection: !of.srvHost && (of.directConnection === true || isAlone),
    appName: of.appname ?? of.appName,
    maxPoolSize: of.maxPoolSize ?? of.poolSize,
    socketTimeoutMS: of.socketTimeoutMS ?? of.socketTimeout,
    connectTimeoutMS: of.connectTimeoutMS ?? of.connectionTimeout,
    compressors: compressors(of),
    ...tls(of),
    readPreference: readPreference(of),
    readConcern: of.readConcern ?? of.readConcernLevel,
    writeConcern: writeConcern(of),
    unfit: unfit(of),
  }
}

function hostOf(server) {
  if (typeof server === 'string') return server
  const { host = server.domain_socket, port } = server
  if (host.includes('/')) return encodeURIComponent(host)
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function credentials(found) {
  if (isMissing(found)) return undefined
  const { username, password, mechanismProperties } = found
  const mechanism = MECHANISMS[found.mechanism] ?? found.mechanism.toUpperCase()
  const source = EXTERNAL.includes(mechanism) ? undefined : found.source
  return { username, password, mechanism, mechanismProperties, source }
}

function compressors(of) {
  const names = of.compression?.compressors ?? of.compressors
  return names?.length > 0 ? names : undefined
}

/** A Db has some options under the names of Node's sockets. */
function tls(of) {
  if (of.ssl !== true) return { tls: false }
  return {
    tls: true,
    rejectUnauthorized: isChecked(of),
    tlsCAFile: isChecked(of) ? (of.sslCA ?? of.ca) && of.tlsCAFile : undefined,
    tlsCertificateKeyFile: (of.sslKey ?? of.key) && of.tlsCertificateKeyFile,
    tlsCertificateKeyFilePassword: of.sslPass ?? of.passphrase,
  }
}

/** What cannot be taken over, and without which a connection would be another one. */
function unfit(of) {
  const { autoEncryption, tlsCAFile, tlsCertificateFile, tlsCertificateKeyFile: keyFile } = of
  const ofTls = {
    sslCA: isChecked(of) && !tlsCAFile && (of.sslCA ?? of.ca),
    sslCert: !keyFile && (of.sslCert ?? of.cert),
    sslKey: !keyFile && (of.sslKey ?? of.key),
    sslCRL: of.sslCRL ?? of.crl,
    checkServerIdentity: isChecked(of) && (of.checkServerIdentity ?? true) !== true,
    ...{ tlsCertificateFile, pfx: of.pfx, secureContext: of.secureContext },
  }
  const found = { autoEncryption, ...(of.ssl === true && ofTls) }
  return Object.keys(found).find((name) => found[name])
}

/** Whether the certificate of a server is. */
function isChecked(of) {
  return (of.sslValidate ?? of.rejectUnauthorized) !== false
}

function readPreference({ readPreference, readPreferenceTags, maxStalenessSeconds }) {
  if (isMissing(readPreference)) return undefined
  const { mode = readPreference, tags, maxStalenessSeconds: ownMax } = readPreference
  const sets = tags ?? readPreferenceTags ?? []
  return {
    mode,
    tags: [sets].flat().map((set) => (typeof set === 'string' ? byName(set) : set)),
    maxStalenessSeconds: ownMax ?? maxStalenessSeconds,
  }
}

function writeConcern(of) {
  const found = of.writeConcern ?? of
  if (typeof found === 'string') return { w: found }
  return {
    w: found.w,
    journal: found.j ?? found.journal ?? found.fsync,
    wtimeoutMS: found.wtimeout,
  }
}

/** The object that a text such as `name:value,name:value` stands for. */
function byName(text) {
  return Object.fromEntries(text.split(',').map((pair) => pair.split(':')))
}

/** Those of the options that are given. */
function given(options, names) {
  const pairs = names.map((name) => [name, options[name]])
  return Object.fromEntries(pairs.filter(([, value]) => !isMissing(value)))
}

function isMissing(value) {
  return value === undefined || value === null
}

module.exports = { isOfDriver3, settingsOf }
