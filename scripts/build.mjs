// Builds the addon: `npm run build`, or `npm run build:debug` for a quick compile and slow code.
import { readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { usesMusl } from '../lib/native/c-library.cjs'
import { isMain, main, root, step } from './step.mjs'

const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'rust-toolchain.toml', 'src']

export async function buildAddon({ debug = false } = {}) {
  const begin = new Date()
  await step(
    debug ? 'Building the addon (debug)' : 'Building the addon (release; minutes when cold)',
    'napi',
    // The loader and the types are written by hand: no generated JavaScript, and the generated
    // declarations go where git does not look.
    ['build', '--platform', '--no-js', '--dts', 'native.d.ts'].concat(debug ? [] : ['--release']),
  )
  // A source that was saved during the build makes the addon out of date again.
  utimesSync(join(root, addonName()), begin, begin)
}

/** Whether the addon for this platform is there and newer than every source. */
export function addonIsFresh() {
  const built = modified(addonName())
  return built > 0 && SOURCES.flatMap(files).every((file) => modified(file) <= built)
}

/** The file that `napi build --platform` writes for this platform. */
export function addonName() {
  const { platform, arch } = process
  const abi = { linux: usesMusl() ? '-musl' : '-gnu', win32: '-msvc' }[platform] ?? ''
  return `mongodb-session-store.${platform}-${arch}${abi}.node`
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

if (isMain(import.meta)) await main(() => buildAddon({ debug: process.argv.includes('--debug') }))
