// A TCP proxy in front of a mongod, which does to connections what networks do to them. For the tests of
// outages and the soak test.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.mjs'

/**
 * Starts a proxy in front of a port of 127.0.0.1. It parses nothing: faults are counted in bytes, or
 * begin at a request that contains a text.
 */
export async function startProxy(port) {
  const proxy = new TcpProxy(port)
  await proxy.accept()
  return proxy
}

class TcpProxy {
  /** The connections that are open, oldest first. */
  connections = new Set()
  /** What a new connection meets: `'pass'`, `'reset'`, or `'stall'`, as if it had been open before. */
  arrivals = 'pass'
  /** By how much every packet of either direction comes later, in milliseconds. */
  delay = 0
  /** How many connections a planned cut has ended. */
  cuts = 0
  /** Where it listens. */
  port
  #target
  #server
  #plan

  constructor(target) {
    this.#target = target
  }

  /** A connection string with this proxy as the only server. */
  get uri() {
    return `mongodb://127.0.0.1:${this.port}/express_sessions`
  }

  /** Accepts connections, after `refuse` on the same port as before. */
  async accept() {
    if (this.#server) return
    this.port ??= await freePort()
    const options = { noDelay: true, pauseOnConnect: true }
    this.#server = createServer(options, (socket) => this.#arrived(socket))
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Lets the operating system refuse new connections. Those that are open stay. */
  async refuse() {
    const server = this.#server
    this.#server = undefined
    const closed = server && new Promise((resolve) => server.close(resolve))
    // A server is closed for good once its connections are, but refuses at once.
    if (this.connections.size === 0) await closed
  }

  /** Resets every open connection. */
  reset() {
    for (const connection of this.connections) connection.reset()
  }

  /** Stops to forward on the open connections, which stay open. */
  stall(directions = ['up', 'down']) {
    for (const connection of this.connections) connection.stall(directions)
  }

  /** Goes on where it was stalled: what was said meanwhile arrives now. */
  resume() {
    for (const connection of this.connections) connection.resume()
  }

  /**
   * Cuts the replies to the next `times` requests that contain `text`: after `bytes` bytes of the
   * reply its connection is reset, or with `end: 'stall'` stalled until `resume`, with the rest in hand. `arrivals` is
   * what a new connection meets from then on.
   */
  cutReply(text, { bytes = 0, times = 1, end = 'reset', arrivals } = {}) {
    this.#plan = { text, bytes, times, end, arrivals }
  }

  /** Whether what has been said to the server and stands in a stalled connection contains `text`. */
  holds(text) {
    return Array.from(this.connections).some((connection) => connection.holds(text))
  }

  /** Ends the planned cuts. */
  mend() {
    this.#plan = undefined
  }

  /** Whether the reply to a request is to be cut, and how. */
  planFor(request) {
    if (!this.#plan || this.#plan.times === 0 || !request.includes(this.#plan.text)) return
    this.#plan.times--
    return this.#plan
  }

  async close() {
    const refused = this.refuse()
    this.reset()
    await refused
  }

  #arrived(client) {
    if (this.arrivals === 'reset') {
      client.on('error', () => {}).resetAndDestroy()
      return
    }
    const connection = new Connection(this, client, this.#target)
    if (this.arrivals === 'stall') connection.stall(['up', 'down'])
    this.connections.add(connection)
  }
}

/** Directions: `up` from the store to the server, `down` back. */
class Connection {
  #proxy
  #client
  #server
  #stalled = new Set()
  #resumed = []
  /** What goes up as soon as it is resumed. */
  #held
  #cut
  #replied = 0

  constructor(proxy, client, port) {
    this.#proxy = proxy
    this.#client = client
    this.#server = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#watch(client)
    this.#watch(this.#server)
    void this.#forward('up', client, this.#server)
    void this.#forward('down', this.#server, client)
  }

  reset() {
    this.#proxy.connections.delete(this)
    this.#resumed.forEach((resume) => resume())
    const { writableEnded, writableFinished } = this.#client
    // One that is just ending cannot be reset: Node would never let go of it, nor would the process end.
    if (writableEnded && !writableFinished) this.#client.destroy()
    else this.#client.resetAndDestroy()
    // Before it is connected there is nothing to reset.
    this.#server.destroy()
  }

  stall(directions) {
    for (const direction of directions) this.#stalled.add(direction)
  }

  resume() {
    this.#stalled.clear()
    this.#resumed.splice(0).forEach((resume) => resume())
  }

  holds(text) {
    return this.#held?.includes(text) === true
  }

  #watch(socket) {
    const lost = () => {
      // What a stalled direction holds has left its sender, and can still arrive.
      if (this.#stalled.size === 0) this.reset()
    }
    socket.on('error', lost).on('close', lost)
  }

  async #forward(direction, from, to) {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        if (this.#proxy.delay > 0) await sleep(this.#proxy.delay)
        if (direction === 'up') this.#held = chunk
        await this.#open(direction)
        if (direction === 'up') this.#held = undefined
        const allowed = direction === 'up' ? this.#request(chunk) : this.#reply(chunk)
        if (!to.write(allowed) && !to.destroyed) await once(to, 'drain')
        if (allowed.length === chunk.length) continue
        this.#proxy.cuts++
        this.#proxy.arrivals = this.#cut.arrivals ?? this.#proxy.arrivals
        if (this.#cut.end !== 'stall') return this.#resetAfterwards()
        this.stall(['up', 'down'])
        this.#cut = undefined
        this.#replied = 0
        await this.#open(direction)
        to.write(chunk.subarray(allowed.length))
      }
    } catch {
      // The sender is gone. What it has said before has been passed on.
    }
    await this.#open(direction)
    to.end()
  }

  #open(direction) {
    if (!this.#stalled.has(direction)) return
    return new Promise((resolve) => this.#resumed.push(resolve))
  }

  #request(chunk) {
    this.#cut ??= this.#proxy.planFor(chunk)
    return chunk
  }

  /** What of a reply is let through. */
  #reply(chunk) {
    if (!this.#cut) return chunk
    const allowed = chunk.subarray(0, this.#cut.bytes - this.#replied)
    this.#replied += allowed.length
    return allowed
  }

  /** What was let through is to arrive before the reset. */
  #resetAfterwards() {
    this.#client.end(() => this.reset())
  }
}
