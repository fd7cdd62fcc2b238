// `npm run test:servers`: every check on each version of MongoDB that can be had, and the table of what came of it; and
// the tests that servers may answer in different ways, but for the version that has them in `npm test`. `-- 5.0.4`
// chooses versions, and leaves the table as it is.
import { delimiter, join } from 'node:path'
import { printAccount } from '../scripts/account.mjs'
import { mongodFolder } from '../scripts/mongod-wheel.mjs'
import { setup } from '../scripts/setup.mjs'
import { main, root } from '../scripts/step.mjs'
import { runChecks, shown } from './check-run.mjs'
import { SERVERS, TEST_FILES, isExpected } from './servers.mjs'
import { tableOf, writeTable } from './table.mjs'

const HERE = { command: process.execPath, args: [] }
const FILES = TEST_FILES.map((name) => join(root, '__test__', `${name}.test.mjs`))

const words = process.argv.slice(2)
const chosen = SERVERS.filter(({ version }) => words.length === 0 || words.includes(version))
const { PATH } = process.env

await main(async () => {
  if (chosen.length === 0) throw new Error(`there is no MongoDB ${words.join(', ')} to be had`)
  await setup()
  const columns = []
  const failures = []
  for (const server of chosen) {
    const { outcomes, failed } = await testOn(server)
    columns.push({ title: `MongoDB ${server.version}`, runs: [outcomes] })
    failures.push(...failed)
  }
  printAccount()
  if (failures.length > 0) throw new Error(`Failed:\n  ${failures.join('\n  ')}`)
  if (chosen.length === SERVERS.length) writeTable('servers', tableOf(columns))
})

/** The outcomes of the checks on one version, and in words what was not as it should be. */
async function testOn(server) {
  const { version } = server
  // What a test starts of its own is the mongod of the PATH as well.
  process.env.PATH = `${await mongodFolder(version)}${delimiter}${PATH}`
  delete process.env.MONGODB_URI
  const { provideMongodb } = await import('../scripts/mongodb.mjs')
  const { runTests } = await import('../scripts/test-run.mjs')
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  try {
    const outcomes = await shown(`MongoDB ${version}`, () => runChecks(HERE, mongodb.uri))
    const failed = outcomes
      .filter((outcome) => !isExpected(server, outcome))
      .map(({ group, title }) => `${version}: ${group}: ${title}`)
    if (server.runsTests) {
      process.env.MONGODB_URI = mongodb.uri
      await runTests(FILES).catch((error) => {
        failed.push(`${version}: ${error.message}`)
      })
    }
    return { outcomes, failed }
  } finally {
    await mongodb.stop()
  }
}
