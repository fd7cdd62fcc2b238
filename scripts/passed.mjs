// What has passed and would again, because nothing has changed that it depends on. Continuous integration has no
// such memory, and neither has a fresh clone: there everything runs.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { account } from './account.mjs'
import { root } from './step.mjs'

const FILE = join(root, 'node_modules', '.cache', 'mongodb-session-store', 'passed.json')

/** What the Rust tests and clippy look at. */
const SOURCES = [
  ...['Cargo.toml', 'Cargo.lock', 'build.rs', 'clippy.toml', 'rust-toolchain.toml'],
  ...['src', 'crates', 'fuzz/src', 'fuzz/corpus'],
]

/** Runs a cargo command with these arguments, unless it has passed with the same sources, which is said. */
export async function unlessPassed(title, args, run) {
  const key = args.join(' ')
  const state = stateOfRust()
  if (!process.env.CI && read()[key] === state) {
    account({ title: `${title}: not again, nothing in Rust has changed since it passed`, ms: 0 })
    return
  }
  await run(title, 'cargo', args)
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, JSON.stringify({ ...read(), [key]: state }))
}

function read() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'))
  } catch {
    return {}
  }
}

/** A hash of the compiler's version and of every source by its name. */
function stateOfRust() {
  const hash = createHash('sha256')
  hash.update(spawnSync('rustc', ['--version', '--verbose'], { cwd: root }).stdout ?? '')
  for (const file of SOURCES.flatMap(files)) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}

function files(source) {
  const stats = statSync(join(root, source), { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (!stats.isDirectory()) return [source]
  return readdirSync(join(root, source), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length))
    .sort()
}
