// A network that can be spoilt: a TCP proxy in front of one port of this machine.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Listens on a free port of 127.0.0.1 and passes on to `target` there.
 *
 * - `port`: where it listens
 * - `partition()`: from now on nothing goes through, and nothing is refused either; what is sent
 *   meanwhile arrives after `heal()`, as it does when a network comes back
 * - `delay(ms)`: every chunk of bytes takes that much longer, in each direction
 * - `cut()`: resets every connection
 * - `close()`: ends it
 */
export async function startProxy(target) {
  let open = Promise.resolve()
  let heal = () => {}
  let delayMs = 0
  const sockets = new Set()

  async function* through(chunks) {
    for await (const chunk of chunks) {
      if (delayMs > 0) await sleep(delayMs)
      await open
      yield chunk
    }
  }

  async function serve(client) {
    sockets.add(client)
    await open
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    sockets.add(server)
    // How a connection ends, its two ends see for themselves.
    await Promise.allSettled([pipeline(client, through, server), pipeline(server, through, client)])
    for (const socket of [client, server]) {
      socket.destroy()
      sockets.delete(socket)
    }
  }

  const listener = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {})
    serve(client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')

  return {
    port: listener.address().port,
    partition() {
      open = new Promise((resolve) => (heal = resolve))
    },
    heal: () => heal(),
    delay(ms) {
      delayMs = ms
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close() {
      heal()
      for (const socket of sockets) socket.destroy()
      listener.close()
    },
  }
}
