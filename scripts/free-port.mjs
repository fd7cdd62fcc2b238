// A port that is free, and stays so until whoever has asked for it takes it.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Systems choose ports by themselves above these, Linux from 32768, others from 49152: what is free here, nobody
 * gets by chance, not even while its owner is away for a restart.
 */
const [FIRST, END] = [15_000, 32_768]

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort() {
  for (;;) {
    const port = randomInt(FIRST, END)
    if (await isFree(port)) return port
  }
}

async function isFree(port) {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    // Windows reserves some.
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
