'use strict'
// Where the sessions are: a connection string with options of the driver, or a client of the application, perhaps only
// promised. What an option means, and whether there is one of that name, is decided in src/connection/.

const { NamedClient, addressOf, clientOf, notOne } = require('./client.cjs')
const { pairs, sure, userInfo } = require('./driver-options.cjs')
const { invalid } = require('../error.cjs')

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

/** User name and password have their place in the connection string. */
function withCredentials({ uri, dbName, driverOptions }) {
  const find = (wanted) => driverOptions.find(([name]) => name === wanted)?.[1]
  const username = find('username')
  if (username === undefined) return { uri, dbName, driverOptions }
  if (uri === undefined || /^[^:]*:\/\/[^/]*@/.test(uri)) {
    throw invalid("option 'driverOptions.auth' needs a 'uri' without a user name")
  }
  const login = userInfo({ username, password: find('password') })
  return {
    uri: uri.replace('://', `://${login}`),
    dbName,
    driverOptions: driverOptions.filter(([name]) => name !== 'username' && name !== 'password'),
  }
}

module.exports = { follow, placed }
