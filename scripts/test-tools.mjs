// `npm run test:frameworks` and its like: what is tested with packages that are too many or too large for the
// dependencies of this one. Each run has a folder of its own in __test__/, with a package.json and a lock file, and
// installs what that says, unless it is there. `-- koa-session.test.mjs` chooses among its files.
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isInstalled } from './installed.mjs'
import { main, root, step } from './step.mjs'
import { setup } from './setup.mjs'

const [name, ...positionals] = process.argv.slice(2)

await main(async () => {
  const folder = join(root, '__test__', name)
  await setup()
  if (!isInstalled(folder)) {
    const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
    await step(`Packages of __test__/${name}`, 'npm', args, { cwd: folder })
  }
  const chosen = positionals.map((path) => basename(path))
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.test.mjs'))
    .filter((file) => chosen.length === 0 || chosen.includes(file))
    .map((file) => join(folder, file))
  if (files.length === 0) throw new Error('There is no such test file: nothing was tested')
  await run(files)
})

async function run(files) {
  // Imported only here: it needs the dependencies that setup installed.
  const { provideMongodb } = await import('./mongodb.mjs')
  const { runTests } = await import('./test-run.mjs')
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  try {
    process.env.MONGODB_URI = mongodb.uri
    // The tools take all processors, so one file at a time.
    await runTests(files, { atOnce: 1 })
  } finally {
    await mongodb.stop()
  }
}
