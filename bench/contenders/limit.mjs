// What the server itself can do: commands that were encoded before, each for a whole batch of
// sessions, over two raw sockets with one command under way on each. Nothing is decoded but once.
import { versionOf } from '../harness/version.mjs'
import { Connection } from '../harness/wire.mjs'

const SOCKETS = 2

export default {
  name: 'limit',
  version: `raw OP_MSG, bson ${versionOf('bson')}`,
  role: 'limit',

  /** Sockets in the place of a store; harness/batches.mjs drives them. */
  async open(uri) {
    const { host, port, database } = parse(uri)
    const connections = Array.from({ length: SOCKETS }, () => Connection.open(host, port))
    return { database, connections: await Promise.all(connections) }
  },

  close: ({ connections }) => connections.forEach((connection) => connection.close()),
}

function parse(uri) {
  const match = /^mongodb:\/\/([^/@:,]+|\[[^\]]+\])(?::(\d+))?\/([^?]+)/.exec(uri)
  if (!match) throw new Error("'limit' needs one server without a log-in")
  const [, host, port = 27017, database] = match
  return { host: host.replace(/[[\]]/g, ''), port: Number(port), database }
}
