// `npm test` is everything: the checks of style, the Rust tests, and the JavaScript tests against a real
// MongoDB; it sets up what is missing. `npm run check` is what a change has to pass at least: lint, types,
// docs, examples and the quick tests. `npm run test:quick` is those tests alone, for the inner loop.
// `-- --test-name-pattern=touch` and `-- get.test.mjs` choose among the tests.
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { printAccount } from './account.mjs'
import { DEVELOPMENT } from './build.mjs'
import { lint } from './lint.mjs'
import { installDependencies, setup } from './setup.mjs'
import { main, step } from './step.mjs'
import { testFiles } from './test-files.mjs'

/** What `--only` chooses. */
const CHOICES = {
  quick: { lint: false, long: false, pages: false },
  check: { lint: true, long: false, pages: true },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    'test-name-pattern': { type: 'string', multiple: true },
  },
})

const chosen = CHOICES[values.only] ?? { lint: true, long: true, pages: true }

await main(async () => {
  try {
    // What takes seconds comes first: a slip of style need not wait minutes for a compiler.
    await installDependencies()
    if (chosen.lint) await lint()
    await rustTests()
    await setup()
    await javascriptTests()
  } finally {
    printAccount()
  }
})

async function rustTests() {
  // Without the programs of the documentation, each of which is compiled and linked by itself.
  const quick = chosen.long ? [] : ['--lib']
  await step('Rust tests', 'cargo', ['test', '--locked', ...DEVELOPMENT, ...quick], {
    count: /^test result: .*?(\d+) passed/gm,
  })
}

async function javascriptTests() {
  // Imported only here: it needs the dependencies that setup installed.
  const { provideMongodb } = await import('./mongodb.mjs')
  const { runTests } = await import('./test-run.mjs')
  // The store is to judge expiry itself, so MongoDB's own cleaning stands still.
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  try {
    process.env.MONGODB_URI = mongodb.uri
    await runTests(chosenFiles(), { namePatterns: values['test-name-pattern'] })
  } finally {
    await mongodb.stop()
  }
}

function chosenFiles() {
  const { together, alone } = testFiles(chosen)
  if (positionals.length === 0) return { together, alone }
  const names = positionals.map((path) => basename(path))
  const isNamed = (path) => names.includes(basename(path))
  return { together: together.filter(isNamed), alone: alone.filter(isNamed) }
}
