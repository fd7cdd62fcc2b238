#!/usr/bin/env node
// `npx mongodb-session-store`: what operators and installers do from a shell.
import { createRequire } from 'node:module'
import { Command } from 'commander'

const { version } = createRequire(import.meta.url)('../package.json')

const program = new Command('mongodb-session-store')
  .description("Tools for express-session's sessions in MongoDB.")
  .version(version)

// Each command loads what it needs when it runs: `build` is for machines that have no addon.
program
  .command('build')
  .description(
    'compile the addon from the shipped sources, for platforms that no package fits; needs Rust',
  )
  .option(
    '--out <file>',
    'where the addon goes (default: into this package, where it is looked for)',
  )
  .option('--profile <name>', 'profile of cargo', 'release')
  .action(async (options) => (await import('./build.mjs')).build(options))

try {
  await program.parseAsync()
} catch (error) {
  console.error(`✗ ${error.message}`)
  process.exitCode = 1
}
