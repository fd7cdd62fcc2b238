// The runtimes that the package is checked on, as npm has them.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isInstalled } from '../scripts/installed.mjs'
import { root, step } from '../scripts/step.mjs'

const FOLDER = join(root, 'compatibility')
const MODULES = join(FOLDER, 'node_modules')

/** What npm has of each for Linux on x64; `args` stand before the file of a program. */
export const RUNTIMES = [
  { name: 'Node 20', source: 'node-20', file: 'node-20/bin/node', args: [] },
  { name: 'Node 22', source: 'node-22', file: 'node-22/bin/node', args: [] },
  { name: 'Node 24', source: 'node-24', file: 'node-24/bin/node', args: [] },
  { name: 'Node 26', source: 'node-26', file: 'node-26/bin/node', args: [] },
  { name: 'Bun', source: 'bun', file: '@oven/bun-linux-x64/bin/bun', args: [] },
  {
    name: 'Deno',
    source: 'deno',
    file: '@deno/linux-x64-glibc/deno',
    args: ['run', '--allow-all', '--quiet'],
  },
].map(({ file, ...runtime }) => ({ ...runtime, command: join(MODULES, file) }))

/** The one that `npm test` uses: the newest Node, whose download alone it needs. */
export const NEWEST = RUNTIMES.find(({ name }) => name === 'Node 26')

/** Why the runtimes cannot be had here, or undefined if they can. */
export function absenceOfRuntimes() {
  const { platform, arch } = process
  if (platform === 'linux' && arch === 'x64') return undefined
  return `npm's runtimes are pinned for Linux on x64, and this is ${platform} on ${arch}`
}

/** Installs those that are wanted, unless they are there: all of them, or the newest Node alone. */
export async function installRuntimes({ all }) {
  const reason = absenceOfRuntimes()
  if (reason !== undefined) throw new Error(reason)
  const wanted = all ? RUNTIMES : [NEWEST]
  if (wanted.every(({ command }) => existsSync(command)) && isInstalled(FOLDER)) return
  const what = all ? 'the runtimes' : NEWEST.name
  // Their install scripts would only put the executable files where others look for them.
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const alone = all ? [] : ['--omit=dev']
  await step(`Installing ${what}`, 'npm', ['ci', ...quietly, ...alone], { cwd: FOLDER })
}

/** The version of a runtime, as the lock file has it. */
export function versionOf({ source }) {
  const { packages } = JSON.parse(readFileSync(join(FOLDER, 'package-lock.json'), 'utf8'))
  return packages[`node_modules/${source}`].version
}
