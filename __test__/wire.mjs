// What goes over the wire between a store and a real mongod.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { deserialize } from 'bson'

const OP_MSG = 2013
/** The header and the flags of a message, and the kind of its first section. */
const BEFORE_DOCUMENT = 16 + 4 + 1

/** Listens on a free port of 127.0.0.1 for the time of a test, and answers the port. */
export async function listen(t, onConnection) {
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return server.address().port
}

/** Joins two sockets: what one of them receives the other sends, until one of them ends. */
export function join(one, other) {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ]) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}

/**
 * Passes on to a mongod whatever comes to a port of its own, and collects the commands.
 * `{ port, commands }`; each command is the document of an OP_MSG. A command for which `held` answers a promise
 * goes on, with what comes after it over the same connection, when that is fulfilled.
 */
export async function watchCommands(t, mongodPort, { held = () => undefined } = {}) {
  const commands = []
  const port = await listen(t, (client) => {
    const server = connect(mongodPort, '127.0.0.1')
    let pending = Buffer.alloc(0)
    let passed = Promise.resolve()
    const pass = (message, until) => {
      passed = passed.then(() => until).then(() => server.write(message))
    }
    client.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 16 && pending.length >= pending.readInt32LE(0)) {
        const length = pending.readInt32LE(0)
        let until
        if (pending.readInt32LE(12) === OP_MSG) {
          const size = pending.readInt32LE(BEFORE_DOCUMENT)
          const document = pending.subarray(BEFORE_DOCUMENT, BEFORE_DOCUMENT + size)
          const command = deserialize(document)
          commands.push(command)
          until = held(command)
        }
        pass(pending.subarray(0, length), until)
        pending = pending.subarray(length)
      }
    })
    server.pipe(client)
    server.on('error', () => client.destroy())
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
  })
  return { port, commands }
}
