// What compiles for another platform: zig as the C compiler and linker, and Rust with a standard library for it.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from '../../scripts/cache.mjs'
import { root, step } from '../../scripts/step.mjs'
import { cachedWheels } from '../../scripts/wheels.mjs'
import { unpackAll } from './debian.mjs'

const run = promisify(execFile)

const WHEELS = join(root, 'compatibility', 'platforms', 'toolchain.txt')

/** The environment in which `build --target` compiles for one of Rust's targets. */
export async function toolchainFor(triple) {
  const zig = await cachedWheels({
    name: 'zig',
    title: 'Downloading zig and cargo-zigbuild with pip (100 MB, once)',
    file: WHEELS,
  })
  const PATH = [join(zig, 'bin'), join(zig, 'ziglang'), process.env.PATH].join(delimiter)
  return { PATH, ...((await hasStandardLibrary(triple)) ? {} : await debiansRust(triple)) }
}

/** Whether `rustup target add` has brought the standard library of a target. */
async function hasStandardLibrary(triple) {
  const args = ['--print', 'target-libdir', '--target', triple]
  const { stdout } = await run('rustc', args, { cwd: root })
  return existsSync(stdout.trim())
}

/**
 * Rust as Debian has it for its browsers, with a standard library for arm64 if apt knows that processor, and with the
 * sources, of which the one for any other target is compiled. It is unpacked beside the Rust that is installed here,
 * and not installed itself.
 */
async function debiansRust(triple) {
  const rust = await cachedFolder('rust-web', async (made, scratch) => {
    const title = "Downloading Debian's Rust and its sources with apt-get (200 MB, once)"
    await step(title, 'apt-get', ['download', ...(await debiansPackages())], { cwd: scratch })
    await unpackAll(scratch, made)
  })
  const env = {
    RUSTC: join(rust, 'usr', 'bin', 'rustc'),
    LD_LIBRARY_PATH: join(rust, 'usr', 'lib', 'x86_64-linux-gnu'),
  }
  if (existsSync(join(rust, 'usr', 'lib', 'rustlib', triple))) return env
  // Compiling the standard library is a feature of the nightly versions, unless they are told otherwise.
  return { ...env, RUSTC_BOOTSTRAP: '1', CARGO_UNSTABLE_BUILD_STD: 'std,panic_unwind' }
}

/** The compiler, what it is linked with that only it needs, and the sources. */
async function debiansPackages() {
  const kinds = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances']
  const args = ['depends', '--recurse', ...kinds.map((kind) => `--no-${kind}`), 'rustc-web']
  const { stdout } = await run('apt-cache', args)
  const ofTheCompiler = stdout
    .split('\n')
    .filter((name) => /^(?:rustc-web|libstd-rust-web[\w.-]*|libllvm\d+)$/.test(name))
  if (ofTheCompiler.length === 0) {
    throw new Error(
      'the standard library of this target is not here: run `rustup target add`, or `apt-get update` on Debian, ' +
        'whose package rustc-web can compile it',
    )
  }
  const { stdout: others } = await run('dpkg', ['--print-foreign-architectures'])
  const arm64 = /^arm64$/m.test(others) ? ['libstd-rust-web-dev:arm64'] : []
  return [...new Set(ofTheCompiler), 'rust-web-src', ...arm64]
}
