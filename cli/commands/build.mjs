// `build`: compiles the addon from the sources in this package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Output, bytes } from '../output.mjs'
import { parseTarget } from '../targets.mjs'

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
    .summary('compile the addon from its sources')
    .description(
      'compile the addon from the shipped sources, for platforms that no package fits; needs Rust',
    )
    .option(
      '--out <file>',
      'where the addon goes (default: into this package, where it is looked for)',
    )
    .option('--profile <name>', 'profile of cargo', 'release')
    .option(
      '--target <name>',
      "another platform, by Rust's name for it; for Linux by cargo-zigbuild, with the oldest glibc at its end, as in x86_64-unknown-linux-gnu.2.28",
    )
    .option('--json', 'answer in JSON, for machines; errors too')
    .action((options) => build(options, new Output(options)))
}

/**
 * Builds the addon, for this platform or for the `target`, and puts it where it is looked for, or into the file
 * `out`. cargo shows its progress. Its artefacts, a gigabyte, are removed afterwards, unless CARGO_TARGET_DIR
 * names a place for them.
 */
async function build({ out, profile, target: wanted }, output) {
  const { triple, platform } = wanted ? parseTarget(wanted) : { platform: platformName() }
  const library = LIBRARY[platform.split('-')[0]] ?? LIBRARY.linux
  const place =
    out === undefined ? join(root, `mongodb-session-store.${platform}.node`) : resolve(out)
  const own = process.env.CARGO_TARGET_DIR
  const target = own ?? (await mkdtemp(join(tmpdir(), 'mongodb-session-store-build-')))
  try {
    // As nothing else than the addon: what can be a Rust library as well is not optimised as a whole (`lto`).
    const common = ['--locked', '--lib', '--crate-type', 'cdylib', '--profile', profile]
    await cargo([...(wanted ? commandFor(wanted) : ['cargo', 'rustc']), ...common], target)
    // cargo calls the folder of its profile `dev` otherwise.
    const built = join(target, triple ?? '', profile === 'dev' ? 'debug' : profile, library)
    await putInto(place, built)
    const { size } = await stat(place)
    await output.record({ file: place, platform, size })
    await output.line(`✓ ${place} (${bytes(size)})`)
    if (out !== undefined) {
      await output.line(`  It is loaded where NAPI_RS_NATIVE_LIBRARY_PATH names it.`)
    }
  } finally {
    if (own === undefined) await rm(target, { recursive: true, force: true })
  }
}

/**
 * How cargo compiles for a target. For Linux, cargo-zigbuild (`pip install ziglang cargo-zigbuild`) brings a C
 * compiler and the C library of any platform, in any version.
 */
function commandFor(target) {
  return [target.includes('-linux-') ? 'cargo-zigbuild' : 'cargo', 'rustc', '--target', target]
}

async function cargo([command, ...args], target) {
  const env = { ...process.env, CARGO_TARGET_DIR: target }
  // Else Rust links what is for musl with a C library of its own, which no process can load.
  if (args.some((arg) => arg.endsWith('-musl'))) {
    env.RUSTFLAGS = `${env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`
  }
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env })
  const [code] = await once(child, 'close').catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new Error(
      command === 'cargo'
        ? 'cargo is not installed: get Rust from https://rustup.rs and run this again'
        : 'cargo-zigbuild is not installed: `pip install ziglang cargo-zigbuild` and run this again',
    )
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
