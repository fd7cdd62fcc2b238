// `npm test` is everything: the checks of style, the Rust tests, and the JavaScript tests against a real
// MongoDB; it sets up what is missing. `npm run check` is what a change has to pass at least: lint, types,
// docs, examples and the quick tests. `npm run test:quick` is those tests alone, for the inner loop. `npm run
// test:long` is the long forms of the tests that have one, for the night.
// `-- --test-name-pattern=touch` and `-- get.test.mjs` choose among the tests.
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { printAccount } from './account.mjs'
import { ADDON, DEVELOPMENT, addonIsFresh } from './build.mjs'
import { CLIPPY, style } from './lint.mjs'
import { memoryFolder } from './memory-folder.mjs'
import { unlessPassed } from './passed.mjs'
import { installDependencies, setup } from './setup.mjs'
import { allOf, main, step } from './step.mjs'
import { testFiles } from './test-files.mjs'

/** What `--only` chooses. */
const CHOICES = {
  quick: { rust: true, quick: true },
  check: { rust: true, quick: true, pages: true, lint: true },
  // On each version of Node and MongoDB.
  versions: { quick: true, medium: true },
  long: { longForms: true },
}
const EVERYTHING = { rust: true, quick: true, medium: true, slow: true, pages: true, lint: true }

const BESIDE = { isBeside: true }
const BEHIND = { isBehind: true }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    'test-name-pattern': { type: 'string', multiple: true },
  },
})

const chosen = CHOICES[values.only] ?? EVERYTHING

await main(async () => {
  try {
    // The compiler has nothing to do with npm's packages, and leaves a processor idle at times.
    await allOf(installAndStyle(), compile())
    await setup()
    // So do the JavaScript tests, which wait more than they compute: what else cargo has to do is behind them.
    await allOf(rustTests(), javascriptTests())
  } finally {
    printAccount()
  }
})

async function installAndStyle() {
  await installDependencies(BESIDE)
  if (chosen.lint) await style(BESIDE)
}

/** What takes the longest when it is cold; the addon that it makes is put in its place by `setup`. */
async function compile() {
  if (addonIsFresh()) return
  await step('Compiling', 'cargo', ['rustc', ...ADDON, '--locked', ...DEVELOPMENT])
}

async function rustTests() {
  if (!chosen.rust) return
  const how = { ...BEHIND, count: /^test result: .*?(\d+) passed/gm }
  const args = ['test', '--lib', '--locked', ...DEVELOPMENT]
  await unlessPassed('Rust tests', args, (...command) => step(...command, how))
  if (chosen.lint) await unlessPassed('clippy', CLIPPY, (...command) => step(...command, BEHIND))
}

async function javascriptTests() {
  // Imported only here: it needs the dependencies that setup installed.
  const { provideMongodb } = await import('./mongodb.mjs')
  const { runTests } = await import('./test-run.mjs')
  const folder = memoryFolder()
  if (folder) process.env.MONGOD_DATA ??= folder
  if (chosen.longForms) process.env.TESTS_ARE_LONG = 'yes'
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
  const files = testFiles(chosen)
  if (positionals.length === 0) return files
  const names = positionals.map((path) => basename(path))
  return files.filter((path) => names.includes(basename(path)))
}
