// Builds the addon: `npm run build` as it is shipped, `npm run build:debug` as it is developed and tested.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { usesMusl } from '../lib/native/c-library.cjs'
import { isMain, main, root, step } from './step.mjs'

const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'rust-toolchain.toml', 'src', 'crates']

/** The profile of Cargo.toml for all that is not shipped; what one command compiled serves the others. */
export const DEVELOPMENT = ['--profile', 'development']

/**
 * Compiles the library and puts it where lib/native/addon.cjs looks for it. Cargo itself, not napi's command
 * line: that one names a target, and cargo keeps what it compiles for a named target apart from all else.
 */
export async function buildAddon({ release = false } = {}) {
  const begin = new Date()
  await step(
    release ? 'Building the addon (release; minutes when cold)' : 'Building the addon',
    'cargo',
    ['build', '--locked', '--lib', ...(release ? ['--release'] : DEVELOPMENT)],
  )
  const library = join(targetFolder(), release ? 'release' : 'development', libraryName())
  const addon = join(root, addonName())
  // A process that has the old file loaded keeps it.
  copyFileSync(library, `${addon}.new`)
  // A source that was saved during the build makes the addon out of date again.
  utimesSync(`${addon}.new`, begin, begin)
  renameSync(`${addon}.new`, addon)
}

/** Whether the addon for this platform is there and newer than every source. */
export function addonIsFresh() {
  const built = modified(addonName())
  return built > 0 && SOURCES.flatMap(files).every((file) => modified(file) <= built)
}

/** The name of the addon's file for this platform. */
export function addonName() {
  const { platform, arch } = process
  const abi = { linux: usesMusl() ? '-musl' : '-gnu', win32: '-msvc' }[platform] ?? ''
  return `mongodb-session-store.${platform}-${arch}${abi}.node`
}

/** As cargo names a library of the kind `cdylib`. */
function libraryName() {
  const name = 'mongodb_session_store'
  if (process.platform === 'win32') return `${name}.dll`
  return `lib${name}.${process.platform === 'darwin' ? 'dylib' : 'so'}`
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
  await main(() => buildAddon({ release: !process.argv.includes('--debug') }))
}
