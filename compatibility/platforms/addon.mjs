// The addon for another platform: compiled here, and held against what every system of that platform has.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseTarget } from '../../cli/targets.mjs'
import { addonName } from '../../scripts/build.mjs'
import { neededLibraries } from '../../scripts/elf.mjs'
import { checkFloor } from '../../scripts/glibc-floor.mjs'
import { root, step } from '../../scripts/step.mjs'
import { toolchainFor } from './toolchain.mjs'

// Without what only a debugger reads: four such files would be a gigabyte.
const SMALL = {
  CARGO_PROFILE_DEVELOPMENT_DEBUG: 'false',
  CARGO_PROFILE_DEVELOPMENT_STRIP: 'symbols',
}

/** The parts of the C libraries; and one of GCC, without which there is no Node for glibc. */
const LIBRARIES = {
  gnu: /^(?:lib(?:c|m)\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|ld-linux-[\w-]+\.so\.\d|libgcc_s\.so\.1)$/,
  musl: /^libc(?:\.musl-\w+)?\.so(?:\.1)?$/,
}

/** Compiles the addon for a platform as `npx mongodb-session-store build` does, and answers its path. */
export async function buildAddonFor({ name, target }, { profile }) {
  const { triple } = parseTarget(target)
  const artefacts = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  const file = join(artefacts, 'platforms', addonName(name))
  await mkdir(dirname(file), { recursive: true })
  const args = ['build', '--profile', profile, '--target', target, '--out', file]
  await step(`Building the addon for ${target}`, 'node', ['cli/main.mjs', ...args], {
    env: { ...(await toolchainFor(triple)), ...SMALL, CARGO_TARGET_DIR: artefacts },
  })
  return file
}

/** What the file asks of its system: outcomes as those of the checks. */
export function checkNeeds(file, { name, target }) {
  const { glibc } = parseTarget(target)
  const strange = neededLibraries(file).filter((library) => {
    return !LIBRARIES[name.split('-')[2]].test(library)
  })
  const outcomes = [
    outcomeOf('it needs no library beside the C library', () => {
      if (strange.length > 0) throw new Error(`it needs ${strange.join(', ')}`)
    }),
  ]
  if (glibc === undefined) return outcomes
  return [...outcomes, outcomeOf(`it works with glibc ${glibc}`, () => checkFloor(file, glibc))]
}

function outcomeOf(title, body) {
  try {
    body()
    return { group: 'File', title, isOk: true, message: '' }
  } catch ({ message }) {
    return { group: 'File', title, isOk: false, message }
  }
}
