// What is downloaded once for this machine, whatever clone of the repository asks for it.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * The path of a cached folder. `make` fills it when it is not there yet: it gets the empty folder and one for what
 * need not be kept.
 */
export async function cachedFolder(name, make) {
  // Asked only here: a user of a container may have no home.
  const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const cache = join(home, 'mongodb-session-store')
  const place = join(cache, name)
  if (existsSync(place)) return place

  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'download-'))
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
