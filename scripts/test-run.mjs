// Runs test files, and says what came of them as Node's own runner does.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { inspect } from 'node:util'
import { root } from './step.mjs'
import { account } from './account.mjs'

/** A file that hangs is ended, and fails by its name, instead of holding up the run. On a busy machine some take minutes. */
const TIMEOUT_MS = 900_000

/**
 * Most files wait two thirds of their time. With three for each processor, and the compiler behind them, a slow machine
 * leaves the sessions of 16 MB so little of it that connections are taken for broken.
 */
const FILES_AT_ONCE = 2 * availableParallelism()

/** The lines with which Node ends a run, in their order. */
const TOTALS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms']

/** Runs files, so many of them side by side, in their order. Rejects when a test has failed. */
export async function runTests(files, { atOnce = FILES_AT_ONCE, namePatterns } = {}) {
  const interruption = new AbortController()
  const events = run({
    files,
    concurrency: atOnce,
    timeout: TIMEOUT_MS,
    testNamePatterns: namePatterns,
    signal: interruption.signal,
  })
  const totals = Object.fromEntries(TOTALS.map((name) => [name, 0]))
  const failures = []
  const output = Readable.from(noted(events, { files, totals, failures })).pipe(new spec())
  output.pipe(process.stdout, { end: false })
  // A signal ends the files first; the script then goes on to clean up.
  const interrupt = () => interruption.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  await once(output, 'end')
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  account({ title: 'JavaScript tests', count: totals.tests, ms: totals.duration_ms })
  if (totals.fail > 0 || totals.cancelled > 0) {
    const count = `${totals.fail + totals.cancelled} of ${totals.tests} tests failed`
    // Other steps print much behind this one.
    throw new Error([count, ...failures].join('\n\n'))
  }
}

/** The same events, while notes are taken of how long files took, of the totals and of what has failed. */
async function* noted(events, { files, totals, failures }) {
  for await (const event of events) {
    const total = totalOf(event)
    if (total) totals[total.name] += total.count
    if (event.type === 'test:complete' && files.includes(event.data.name)) accountFile(event.data)
    if (event.type === 'test:fail') failures.push(failure(event.data))
    yield event
  }
}

function accountFile({ name, details }) {
  account({ file: relative(root, name), ms: details.duration_ms })
}

/** A failed test with its file and the reason. */
function failure({ name, file, details }) {
  const where = file && file !== name ? `${relative(root, file)}: ` : ''
  return `${where}${name}\n${inspect(details.error.cause ?? details.error)}`
}

/** One of the lines at the end. */
function totalOf({ type, data }) {
  if (type !== 'test:diagnostic' || data.file !== undefined) return undefined
  const [name, count] = data.message.split(' ')
  return TOTALS.includes(name) ? { name, count: Number(count) } : undefined
}
