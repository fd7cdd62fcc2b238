// `npm run test:runtimes`: every check on every runtime, on both engines, and the table of what came of it.
// `-- bun` chooses runtimes by their names, and leaves the table as it is.
import { printAccount } from '../scripts/account.mjs'
import { setup } from '../scripts/setup.mjs'
import { main } from '../scripts/step.mjs'
import { runChecks, shown } from './check-run.mjs'
import { checkRefusals } from './refusals.mjs'
import { RUNTIMES, installRuntimes, versionOf } from './runtimes.mjs'
import { tableOf, writeTable } from './table.mjs'

const words = process.argv.slice(2).map((word) => word.toLowerCase())
const chosen = RUNTIMES.filter(({ name }) => {
  return words.length === 0 || words.some((word) => name.toLowerCase().includes(word))
})

await main(async () => {
  await setup()
  await installRuntimes({ all: true })
  // Imported only here: it needs the dependencies that setup installed.
  const { provideMongodb } = await import('../scripts/mongodb.mjs')
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  try {
    const columns = []
    for (const runtime of chosen) columns.push(await columnOf(runtime, mongodb.uri))
    printAccount()
    const failures = columns.flatMap(({ runs }) => runs.flat()).filter(({ isOk }) => !isOk)
    if (failures.length > 0) throw new Error(`${failures.length} checks failed, see above`)
    if (chosen.length === RUNTIMES.length) writeTable('runtimes', tableOf(columns))
  } finally {
    await mongodb.stop()
  }
})

/** What a runtime makes of the checks, on MongoDB and in memory. */
async function columnOf(runtime, uri) {
  const title = `${runtime.name.split(' ')[0]} ${versionOf(runtime)}`
  const runs = [
    await shown(`${title} on MongoDB`, () => runChecks(runtime, uri)),
    await shown(`${title} on memory:`, () => runChecks(runtime, 'memory:')),
    await shown(`${title} refuses addons`, () => checkRefusals(runtime)),
  ]
  return { title, runs }
}
