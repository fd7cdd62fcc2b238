// Every check of style, the cheap ones first: `npm run lint`. `npm run format` mends most of it.
import { isMain, main, step } from './step.mjs'

export async function lint() {
  await step('rustfmt', 'cargo', ['fmt', '--check'])
  await step('eslint', 'eslint', ['--max-warnings', '0', '.'])
  await step('prettier', 'prettier', ['--check', '.'])
  // By its path: the older TypeScript of the tests has a tsc, too.
  await step('tsc', 'node', ['node_modules/typescript/bin/tsc'])
  // Apart, because they declare what their sessions hold, and a declaration holds for the whole program.
  await step('tsc of the examples', 'node', ['node_modules/typescript/bin/tsc', '-p', 'examples'])
  await step('clippy', 'cargo', ['clippy', '--all-targets', '--', '-D', 'warnings'])
}

if (isMain(import.meta)) await main(lint)
