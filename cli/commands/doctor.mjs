// `doctor`: what would go wrong, before it does.
import { createRequire } from 'node:module'
import { EXIT, withoutPasswords } from '../failure.mjs'
import { Output } from '../output.mjs'
import { openCollection, takesStore } from '../store-options.mjs'
import { CHECKS } from '../checks.mjs'

const { version } = createRequire(import.meta.url)('../../package.json')

export function addDoctor(program) {
  const command = program
    .command('doctor')
    .summary('what is wrong with server and sessions')
    .description('say what is wrong with server, rights, indexes and sessions, or would go wrong')
  takesStore(command).action((options) => doctor(options, new Output(options)))
}

const MARKS = { good: '✓', warning: '!', problem: '✗' }

async function doctor(options, output) {
  const collection = await openCollection(options)
  const node = `Node ${process.version}, mongodb-session-store ${version}`
  const results = [{ check: 'program', state: 'good', message: node }]
  for (const [name, check] of Object.entries(CHECKS)) {
    const found = await outcomeOf(check, collection)
    results.push(...found.map(([state, message]) => ({ check: name, state, message })))
    // Without a server there is nothing else to find out.
    if (name === 'connection' && found.some(([state]) => state === 'problem')) break
  }
  for (const result of results) {
    await output.record(result)
    await output.line(`${MARKS[result.state]} ${result.check}: ${result.message}`)
  }
  const problems = results.filter(({ state }) => state === 'problem').length
  const warnings = results.filter(({ state }) => state === 'warning').length
  await output.line()
  await output.line(
    problems + warnings === 0 ? 'All is well.' : `${problems} ✗ to mend, ${warnings} ! to look at.`,
  )
  await collection.close()
  if (problems > 0) process.exitCode = EXIT.problems
}

/** What a check finds, as pairs of state and message. One that may not look says so. */
async function outcomeOf(check, collection) {
  try {
    return await check(collection)
  } catch (error) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    const isUnreachable =
      error.code === 'ERR_STORE_CONNECTION' || error.code === 'ERR_STORE_TIMEOUT'
    const { message } = error
    const told = withoutPasswords(message.includes(cause.slice(2, -1)) ? message : message + cause)
    return [[isUnreachable ? 'problem' : 'warning', isUnreachable ? told : `not known: ${told}`]]
  }
}
