// A folder in memory, for what tests have on disk: a mongod that waits for a disk at each write to its journal, beside
// others and installations that write, is slow. One that is killed loses nothing there, only a machine that stops does.
import { statfsSync } from 'node:fs'
import { freemem } from 'node:os'

const FOLDER = '/dev/shm'

/** A mongod takes 0.3 GB for its journal, and a dozen may run at once. */
const ROOM_BYTES = 4 * 2 ** 30

/** The folder, if this system has one with enough room. */
export function memoryFolder() {
  try {
    const { bavail, bsize } = statfsSync(FOLDER)
    return bavail * bsize >= ROOM_BYTES && freemem() >= 2 * ROOM_BYTES ? FOLDER : undefined
  } catch {
    return undefined // It is Linux that has one.
  }
}
