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
 * - `strand()`: the same for the connections that there are; new ones work
 * - `delay(ms)`: every chunk of bytes takes that much longer, in each direction
 * - `cut()`: resets every connection
 * - `close()`: ends it
 */
export async function startProxy(target) {
  /** While it is there, it is what a connection waits for, and its `heal` what ends that. */
  let outage
  let stranded
  let delayMs = 0
  const sockets = new Set()

  function newOutage() {
    let heal
    return Object.assign(new Promise((resolve) => (heal = resolve)), { heal })
  }

  async function* through(chunks, isStranded) {
    for await (const chunk of chunks) {
      if (delayMs > 0) await sleep(delayMs)
      await outage
      if (isStranded()) await stranded
      yield chunk
    }
  }

  async function serve(client) {
    sockets.add(client)
    await outage
    const since = stranded
    const isStranded = () => stranded !== since
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    sockets.add(server)
    // How a connection ends, its two ends see for themselves.
    const pass = (chunks) => through(chunks, isStranded)
    await Promise.allSettled([pipeline(client, pass, server), pipeline(server, pass, client)])
    for (const socket of [client, server]) {
      socket.destroy()
      sockets.delete(socket)
    }
  }

  function heal() {
    outage?.heal()
    outage = undefined
    // It stays, done, so that a connection can tell whether it was there before.
    stranded?.heal()
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
      outage ??= newOutage()
    },
    strand() {
      stranded?.heal()
      stranded = newOutage()
    },
    heal,
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
