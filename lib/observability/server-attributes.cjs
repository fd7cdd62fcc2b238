'use strict'
// Where a command goes, by OpenTelemetry's conventions: to what the connection string names, and of that to one server.
// Source: "Database server address" in the semantic conventions for database client spans.

/** MongoDB's own port, which is left out. */
const PORT = '27017'

/** How many servers are named at most. */
const MOST = 5

/** By what connection strings name, as the addon has it. */
const known = new WeakMap()

/** The attributes of what the connection string names: the same for all commands of a store. */
function configuredAttributes(endpoints) {
  if (endpoints == null) return {}
  if (!known.has(endpoints)) known.set(endpoints, read(endpoints))
  return known.get(endpoints)
}

function read(endpoints) {
  const servers = endpoints.map((endpoint) => {
    const [, host, port] = /^(.*):(\d+)$/.exec(endpoint) ?? [endpoint, endpoint]
    return { host, port: port === PORT ? undefined : port }
  })
  if (servers.length === 1) {
    const [{ host, port }] = servers
    return { 'server.address': host, ...(port && { 'server.port': Number(port) }) }
  }
  // If one of them needs a port, they all have theirs.
  const haveOwn = servers.some(({ port }) => port !== undefined)
  const names = servers.map(({ host, port }) => {
    if (!haveOwn) return host
    return `${host.includes(':') ? `[${host}]` : host}:${port ?? PORT}`
  })
  return { 'server.address': names.sort().slice(0, MOST).join() }
}

/** Those of the server to which a command went. */
function peerAttributes({ serverAddress, serverPort }) {
  const port = serverPort == null ? {} : { 'network.peer.port': serverPort }
  return { 'network.peer.address': serverAddress, ...port }
}

module.exports = { configuredAttributes, peerAttributes }
