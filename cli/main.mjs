#!/usr/bin/env node
// `npx mongodb-session-store`: what operators and installers do from a shell. One file per command is in
// commands/; each loads what it needs when it runs, since `build` is for machines that have no addon.
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { EXIT, report } from './failure.mjs'
import { addBuild } from './commands/build.mjs'
import { addDoctor } from './commands/doctor.mjs'
import { addIndexes } from './commands/indexes.mjs'
import { addList } from './commands/list.mjs'
import { addMigrate } from './commands/migrate.mjs'
import { addPurge } from './commands/purge.mjs'
import { addRekey } from './commands/rekey.mjs'
import { addRevoke } from './commands/revoke.mjs'
import { addShow } from './commands/show.mjs'
import { addStats } from './commands/stats.mjs'
import { addUsers } from './commands/users.mjs'

const { version } = createRequire(import.meta.url)('../package.json')
const isJson = process.argv.includes('--json')

const program = new Command('mongodb-session-store')
  .description("Tools for express-session's sessions in MongoDB.")
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  // That each of them has options goes without saying.
  .configureHelp({
    subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}`.trim(),
  })
  .addHelpText(
    'after',
    '\nEach command has a --help. What destroys is a dry run until you confirm it.' +
      '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 no such session, 4 problems left',
  )

const adders = [addDoctor, addStats, addUsers, addList, addShow, addRevoke]
adders.push(addPurge, addIndexes, addRekey, addMigrate, addBuild)
for (const add of adders) add(program)
for (const command of program.commands) command.copyInheritedSettings(program)

/** What a command takes, as its usage has it. */
function argumentsOf(command) {
  return command.usage().replace(/\[options\] ?/, '')
}

// The reader of a pipe may have seen enough, as `head` has.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))
}

try {
  await program.parseAsync()
} catch (error) {
  if (error.code === 'commander.unknownOption' && process.argv[2].startsWith('-')) {
    error.message += ': the command comes first, as in "mongodb-session-store list --uri …"'
  }
  if (!(error instanceof CommanderError)) process.exitCode = report(error, isJson)
  else if (error.exitCode === 0) process.exitCode = EXIT.done
  // Asked for nothing, it has shown its help.
  else if (error.code === 'commander.help') process.exitCode = EXIT.usage
  else process.exitCode = report(error, isJson, EXIT.usage)
}

// A client in the config module would keep the process alive.
process.stdout.write('', () => process.exit())
