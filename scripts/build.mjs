// Builds the addon: `npm run build` as it is shipped, `npm run build:debug` as it is developed and tested.
// `-- --target x86_64-unknown-linux-gnu.2.28` builds it for another platform, see cli/targets.mjs.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { platformName } from '../lib/native/platform.cjs'
import { parseTarget } from '../cli/targets.mjs'
import { checkFloor } from './glibc-floor.mjs'
import { isMain, main, root, step } from './step.mjs'

const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'rust-toolchain.toml', 'src', 'crates']

/** The profile of Cargo.toml for all that is not shipped; what one command compiled serves the others. */
export const DEVELOPMENT = ['--profile', 'development']

/** What of the package the addon is, see cli/commands/build.mjs. */
export const ADDON = ['--lib', '--crate-type', 'cdylib']

/** The way in which the sources of the package are compiled anywhere, with what cargo compiled here before. */
export async function buildAddon({ release = false, target } = {}) {
  const begin = new Date()
  const file = addonName(target ? parseTarget(target).platform : undefined)
  await step(
    release ? 'Building the addon (release; minutes when cold)' : 'Building the addon',
    'node',
    [
      'cli/main.mjs',
      'build',
      ...['--profile', release ? 'release' : 'development'],
      ...(target ? ['--target', target] : []),
    ],
    { env: { CARGO_TARGET_DIR: targetFolder() } },
  )
  // A source that was saved during the build makes the addon out of date again.
  utimesSync(join(root, file), begin, begin)
  // What is shipped says for which glibc it is, and must not need a newer one.
  if (target && parseTarget(target).glibc) checkFloor(join(root, file), parseTarget(target).glibc)
}

/** Whether the addon for this platform is there and newer than every source. */
export function addonIsFresh() {
  const built = modified(addonName())
  return built > 0 && SOURCES.flatMap(files).every((file) => modified(file) <= built)
}

/** The name of the addon's file for a platform, or for this one. */
export function addonName(platform = platformName()) {
  return `mongodb-session-store.${platform}.node`
}

function targetFolder() {
  const args = ['metadata', '--no-deps', '--format-version=1']
  const { stdout } = spawnSync('cargo', args, { cwd: root, encoding: 'utf8' })
  return JSON.parse(stdout).target_directory
}

function files(source) {
  const path = join(root, source)
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [source]
  // The folder itself counts too: its time tells of a removed file.
  return [source, ...readdirSync(path, { recursive: true }).map((name) => join(source, name))]
}

function modified(file) {
  return statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

if (isMain(import.meta)) {
  const { values } = parseArgs({
    options: { debug: { type: 'boolean', default: false }, target: { type: 'string' } },
  })
  await main(() => buildAddon({ release: !values.debug, target: values.target }))
}
