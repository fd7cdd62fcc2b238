// One run of the checks: in a process of some runtime, on one engine.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { account } from '../scripts/account.mjs'
import { root } from '../scripts/step.mjs'

const PROGRAM = join('compatibility', 'checks', 'main.mjs')

/** A run that takes longer hangs, also one in an emulator on a busy machine. */
const TIMEOUT_MS = 900_000

/**
 * Runs all checks on the engine of a connection string, or those of some groups, and answers what came of each:
 * `{ group, title, isOk, message }`, in their order. The package is that of the repository, or of another `folder`.
 */
export async function runChecks(
  { command, args, env = {} },
  uri,
  { groups = [], folder = root } = {},
) {
  const CHECKS_RUNTIME = JSON.stringify([command, ...args])
  const child = spawn(command, [...args, PROGRAM, uri, ...groups], {
    cwd: folder,
    env: { ...process.env, ...env, CHECKS_RUNTIME },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  const outcomes = parse(stdout)
  const failures = outcomes.filter(({ isOk }) => !isOk).length
  // The plan is the last line: without it the program has not come to its end.
  if (!stdout.trimEnd().endsWith(`1..${outcomes.length}`) || (code === 0) !== (failures === 0)) {
    throw new Error(`the checks ended with ${signal ?? `code ${code}`}:\n${stdout}${stderr}`)
  }
  return outcomes
}

function parse(tap) {
  const outcomes = []
  for (const line of tap.split('\n')) {
    const [, not, group, title] = /^(not )?ok \d+ - ([^:]+): (.+)$/.exec(line) ?? []
    if (title !== undefined) outcomes.push({ group, title, isOk: not === undefined, message: '' })
    else if (line.startsWith('# ')) outcomes.at(-1).message += `${line.slice(2)}\n`
  }
  return outcomes
}

/** The outcomes of a run, which are shown and put on account. */
export async function shown(title, run) {
  const begin = performance.now()
  const outcomes = await run()
  console.log(`\n▸ ${title}`)
  for (const { group, title, isOk, message } of outcomes) {
    console.log(`${isOk ? '✓' : '✗'} ${group}: ${title}`)
    if (!isOk) console.log(message)
  }
  const count = outcomes.filter(({ isOk }) => isOk).length
  account({ title, count, ms: performance.now() - begin })
  return outcomes
}
