// What is downloaded once for this machine, whatever clone of the repository asks for it.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mongodb-session-store')

/**
 * The path of a cached folder. `make` fills it when it is not there yet: it gets the empty folder and one for what
 * need not be kept.
 */
export async function cachedFolder(name, make) {
  const place = join(CACHE, name)
  if (existsSync(place)) return place

  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'download-'))
  try {
    const [made, scratch] = [join(folder, 'made'), join(folder, 'scratch')]
    await mkdir(made)
    await mkdir(scratch)
    await make(made, scratch)
    // Renaming is atomic: a process that downloads at the same time sees a whole folder or none.
    await rename(made, place).catch((error) => {
      if (!existsSync(place)) throw error
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return place
}
