// Runs test files, and says what came of them as Node's own runner does.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { root } from './step.mjs'
import { account } from './account.mjs'

/** A file that hangs is ended, and fails by its name, instead of holding up the run. */
const TIMEOUT_MS = 300_000

/** Most files wait two thirds of their time. */
const FILES_AT_ONCE = 3 * availableParallelism()

/** The lines with which Node ends a run, in their order. */
const TOTALS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms']

/**
 * Runs the files of `together` side by side and then those of `alone`, one at a time. Rejects when a test
 * has failed.
 */
export async function runTests({ together, alone }, { namePatterns } = {}) {
  const interruption = new AbortController()
  const common = {
    timeout: TIMEOUT_MS,
    testNamePatterns: namePatterns,
    signal: interruption.signal,
  }
  const groups = [
    { ...common, files: together, concurrency: FILES_AT_ONCE },
    { ...common, files: alone, concurrency: 1 },
  ]
  const totals = Object.fromEntries(TOTALS.map((name) => [name, 0]))
  const output = Readable.from(eventsOf(groups, totals)).pipe(new spec())
  output.pipe(process.stdout, { end: false })
  // A signal ends the files first; the script then goes on to clean up.
  const interrupt = () => interruption.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  await once(output, 'end')
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  account({ title: 'JavaScript tests', count: totals.tests, ms: totals.duration_ms })
  if (totals.fail > 0 || totals.cancelled > 0) {
    throw new Error(`${totals.fail + totals.cancelled} of ${totals.tests} tests failed`)
  }
}

/** The events of all groups as if they were one run, with its totals at the end. */
async function* eventsOf(groups, totals) {
  for (const { files, ...options } of groups) {
    if (files.length === 0) continue
    for await (const event of run({ ...options, files })) {
      const total = totalOf(event)
      if (total) totals[total.name] += total.count
      else yield event
      if (event.type === 'test:complete' && files.includes(event.data.name)) {
        accountFile(event.data)
      }
    }
  }
  for (const name of TOTALS) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${totals[name]}` } }
  }
}

function accountFile({ name, details }) {
  account({ file: relative(root, name), ms: details.duration_ms })
}

/** One of the lines at the end of a group, which the whole run says once. */
function totalOf({ type, data }) {
  if (type !== 'test:diagnostic' || data.file !== undefined) return undefined
  const [name, count] = data.message.split(' ')
  return TOTALS.includes(name) ? { name, count: Number(count) } : undefined
}
