// Every check of style and types, the cheap ones first: `npm run lint`. `npm run format` mends most of it.
import { DEVELOPMENT } from './build.mjs'
import { isMain, main, step } from './step.mjs'

/** A file that has not changed since it last passed is not checked again. */
const CACHE = ['--cache', '--cache-strategy', 'content']
const ESLINT = [...CACHE, '--cache-location', 'node_modules/.cache/eslint', '--max-warnings', '0']
const TSC = 'node_modules/typescript/bin/tsc'
const CLIPPY = ['clippy', '--workspace', '--all-targets', ...DEVELOPMENT, '--', '-D', 'warnings']

export async function lint() {
  await step('rustfmt', 'cargo', ['fmt', '--all', '--check'])
  await step('eslint', 'eslint', [...ESLINT, '.'])
  await step('prettier', 'prettier', [...CACHE, '--check', '.'])
  // By its path: the older TypeScript of the tests has a tsc, too.
  await step('tsc', 'node', [TSC])
  // Apart, because they declare what their sessions hold, and a declaration holds for the whole program.
  await step('tsc of the examples', 'node', [TSC, '-p', 'examples'])
  await step('clippy', 'cargo', CLIPPY)
}

if (isMain(import.meta)) await main(lint)
