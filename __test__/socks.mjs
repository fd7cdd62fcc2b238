// A SOCKS5 proxy, RFC 1928 and RFC 1929, for connections to IPv4 addresses and names.
import { connect } from 'node:net'
import { join, listen } from './wire.mjs'

const VERSION = 5
const [NO_LOGIN, PASSWORD, NO_METHOD] = [0, 2, 255]
const NAME = 3

/** Listens for the time of a test. `{ port, targets }`; `login` is `{ user, password }` if it wants one. */
export async function listenAsProxy(t, login) {
  const targets = []
  const port = await listen(t, (client) => {
    serve(client, login, targets).catch(() => client.destroy())
  })
  return { port, targets }
}

async function serve(client, login, targets) {
  const [, methodCount] = await read(client, 2)
  const methods = await read(client, methodCount)
  const method = login ? PASSWORD : NO_LOGIN
  if (!methods.includes(method)) return client.end(Buffer.from([VERSION, NO_METHOD]))
  client.write(Buffer.from([VERSION, method]))
  if (login && !(await logsIn(client, login))) return client.end()

  const [, , , kind] = await read(client, 4)
  const host = kind === NAME ? String(await readCounted(client)) : (await read(client, 4)).join('.')
  const port = (await read(client, 2)).readUInt16BE()
  targets.push(`${host}:${port}`)
  client.write(Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
  join(client, connect(port, host))
}

async function logsIn(client, { user, password }) {
  await read(client, 1)
  const given = [String(await readCounted(client)), String(await readCounted(client))]
  const isRight = given[0] === user && given[1] === password
  client.write(Buffer.from([1, isRight ? 0 : 1]))
  return isRight
}

async function readCounted(client) {
  const [length] = await read(client, 1)
  return read(client, length)
}

/** Reads so many bytes, however they arrive. */
function read(socket, length) {
  return new Promise((resolve, reject) => {
    const attempt = () => {
      const bytes = socket.read(length)
      if (bytes === null) return
      socket.off('readable', attempt).off('close', fail)
      resolve(bytes)
    }
    const fail = () => reject(new Error('the client is gone'))
    socket.on('readable', attempt).on('close', fail)
    attempt()
  })
}
