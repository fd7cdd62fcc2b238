// A port that is free, and stays so until whoever has asked for it takes it.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Systems choose ports by themselves above these, Linux from 32768, others from 49152: what is free here, nobody
 * gets by chance, not even while its owner is away for a restart.
 */
const [FIRST, END] = [15_000, 32_768]

/** How many ports a process has to itself, the first of which it keeps as the sign of that. */
const OWN = 128

let own

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort() {
  own ??= ownPorts()
  const ports = await own
  for (;;) {
    const { value: port } = ports.next()
    if (await isFree(port)) return port
  }
}

/** Takes a range of ports that no other process has, and answers them in turn. */
async function ownPorts() {
  for (;;) {
    const first = FIRST + OWN * randomInt(Math.floor((END - FIRST) / OWN))
    const sign = await listen(first)
    if (sign === undefined) continue
    sign.unref()
    return turns(first + 1, first + OWN)
  }
}

function* turns(first, end) {
  for (;;) for (let port = first; port < end; port++) yield port
}

async function isFree(port) {
  const server = await listen(port)
  if (server === undefined) return false
  server.close()
  await once(server, 'close')
  return true
}

/** A server on a port, or undefined if it is taken. */
async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    // Windows reserves some.
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return undefined
    throw error
  }
}
