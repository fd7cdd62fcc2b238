// Every check of style and types, the cheap ones first: `npm run lint`. `npm run format` mends most of it.
import { DEVELOPMENT } from './build.mjs'
import { isMain, main, step } from './step.mjs'

/** A file that has not changed since it last passed is not checked again. */
const CACHE = ['--cache', '--cache-strategy', 'content']
const ESLINT = [...CACHE, '--cache-location', 'node_modules/.cache/eslint', '--max-warnings', '0']

/** By its path: the older TypeScript of the tests has a tsc, too. What it found is kept for the next time. */
function tsc(name, ...args) {
  const kept = ['--incremental', '--tsBuildInfoFile', `node_modules/.cache/${name}.tsbuildinfo`]
  return ['node_modules/typescript/bin/tsc', ...kept, ...args]
}

/** What compiles everything that the crate needs once more, as metadata. */
export const CLIPPY = [
  'clippy',
  '--workspace',
  '--all-targets',
  ...DEVELOPMENT,
  '--',
  '-D',
  'warnings',
]

export async function lint() {
  await style()
  await step('clippy', 'cargo', CLIPPY)
}

/** What takes seconds; `how` is that of a step. */
export async function style(how) {
  await step('rustfmt', 'cargo', ['fmt', '--all', '--check'], how)
  await step('eslint', 'eslint', [...ESLINT, '.'], how)
  await step('prettier', 'prettier', [...CACHE, '--check', '.'], how)
  await step('tsc', 'node', tsc('package'), how)
  // Apart, because they declare what their sessions hold, and a declaration holds for the whole program.
  await step('tsc of the examples', 'node', tsc('examples', '-p', 'examples'), how)
}

if (isMain(import.meta)) await main(lint)
