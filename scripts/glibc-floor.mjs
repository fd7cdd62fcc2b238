// `node scripts/glibc-floor.mjs FILE 2.28`: fails if an addon for Linux needs a newer glibc than that.
import { neededGlibc, neededVersions } from './elf.mjs'
import { isMain, main } from './step.mjs'

/** Throws, naming what it needs, if a file cannot be loaded where this is the glibc. */
export function checkFloor(file, floor) {
  const [major, minor] = floor.split('.').map(Number)
  const needed = neededGlibc(file)
  if (needed === undefined) throw new Error(`${file} needs no glibc: it is not for one`)
  if (needed[0] > major || (needed[0] === major && needed[1] > minor)) {
    const newest = `GLIBC_${needed.join('.')}`
    const { library } = neededVersions(file).find(({ version }) => version === newest)
    throw new Error(`${file} needs ${newest} of ${library}, and is to work with ${floor}`)
  }
  console.log(`✓ ${file} works with glibc ${floor}: it needs ${needed.join('.')}`)
}

if (isMain(import.meta)) await main(() => checkFloor(...process.argv.slice(2)))
