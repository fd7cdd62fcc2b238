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
 * `{ port, commands }`; each command is the document of an OP_MSG.
 */
export async function watchCommands(t, mongodPort) {
  const commands = []
  const port = await listen(t, (client) => {
    let pending = Buffer.alloc(0)
    client.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 16 && pending.length >= pending.readInt32LE(0)) {
        const length = pending.readInt32LE(0)
        if (pending.readInt32LE(12) === OP_MSG) {
          const size = pending.readInt32LE(BEFORE_DOCUMENT)
          const document = pending.subarray(BEFORE_DOCUMENT, BEFORE_DOCUMENT + size)
          commands.push(deserialize(document))
        }
        pending = pending.subarray(length)
      }
    })
    join(client, connect(mongodPort, '127.0.0.1'))
  })
  return { port, commands }
}
