// `npm test`: sets up what is missing, checks the style, then runs the Rust tests and the JavaScript
// tests against a real MongoDB. Arguments go to Node's test runner, as in
// `npm test -- --test-name-pattern=touch`.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { lint } from './lint.mjs'
import { installDependencies, setup } from './setup.mjs'
import { main, root, step } from './step.mjs'

await main(async () => {
  // What takes seconds comes first: a slip of style need not wait minutes for a compiler.
  await installDependencies()
  await lint()
  await step('Rust tests', 'cargo', ['test'])
  await setup()

  // Imported only here: it needs the dependencies that setup installed.
  const { provideMongodb } = await import('./mongodb.mjs')
  // The store is to judge expiry itself, so MongoDB's own cleaning stands still.
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  try {
    await step('JavaScript tests', process.execPath, nodeTest(), {
      env: { MONGODB_URI: mongodb.uri },
    })
  } finally {
    await mongodb.stop()
  }
})

function nodeTest() {
  // Node 20 takes no patterns, so the files are named one by one.
  const files = readdirSync(join(root, '__test__'))
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => join('__test__', name))
  if (files.length === 0) throw new Error('There is no __test__/*.test.mjs: nothing was tested')
  // What hangs fails instead of holding up the run. The limit is one of whole files, too.
  const options = ['--test', '--test-reporter=spec', '--test-timeout=900000']
  return [...options, ...process.argv.slice(2), ...files]
}
