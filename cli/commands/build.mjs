// `build`: compiles the addon from the sources in this package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const { platformName } = createRequire(import.meta.url)('../../lib/native/platform.cjs')

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What cargo calls the library. */
const LIBRARY = {
  linux: 'libmongodb_session_store.so',
  darwin: 'libmongodb_session_store.dylib',
  win32: 'mongodb_session_store.dll',
}

export function addBuild(program) {
  program
    .command('build')
    .description(
      'compile the addon from the shipped sources, for platforms that no package fits; needs Rust',
    )
    .option(
      '--out <file>',
      'where the addon goes (default: into this package, where it is looked for)',
    )
    .option('--profile <name>', 'profile of cargo', 'release')
    .action(build)
}

/**
 * Builds the addon and puts it where it is looked for, or into the file `out`. cargo shows its progress.
 * Its artefacts, a gigabyte, are removed afterwards, unless CARGO_TARGET_DIR names a place for them.
 */
async function build({ out, profile }) {
  const library = LIBRARY[process.platform] ?? LIBRARY.linux
  const place =
    out === undefined ? join(root, `mongodb-session-store.${platformName()}.node`) : resolve(out)
  const own = process.env.CARGO_TARGET_DIR
  const target = own ?? (await mkdtemp(join(tmpdir(), 'mongodb-session-store-build-')))
  try {
    await cargo(['build', '--locked', '--lib', '--profile', profile], target)
    // cargo calls the folder of its profile `dev` otherwise.
    const built = join(target, profile === 'dev' ? 'debug' : profile, library)
    await putInto(place, built)
    const megabytes = ((await stat(place)).size / 1e6).toFixed(1)
    console.log(`✓ ${place} (${megabytes} MB)`)
    if (out !== undefined) console.log(`  It is loaded where NAPI_RS_NATIVE_LIBRARY_PATH names it.`)
  } finally {
    if (own === undefined) await rm(target, { recursive: true, force: true })
  }
}

async function cargo(args, target) {
  const child = spawn('cargo', args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CARGO_TARGET_DIR: target },
  })
  const [code] = await once(child, 'close').catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new Error('cargo is not installed: get Rust from https://rustup.rs and run this again')
  })
  if (code !== 0) throw new Error(`cargo ended with ${code}, see above`)
}

/** A process that loads the addon at the same time sees the old file or the new one. */
async function putInto(place, built) {
  const beside = join(dirname(place), `.mongodb-session-store-${process.pid}`)
  try {
    await copyFile(built, beside)
    await rename(beside, place)
  } catch (error) {
    await rm(beside, { force: true })
    throw new Error(
      `the addon cannot be written to ${place} (${error.code}): name a place with --out`,
      { cause: error },
    )
  }
}
