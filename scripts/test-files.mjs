// Which test files there are, and which of them need to be run in a way of their own.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './step.mjs'

const FOLDER = '__test__'

/**
 * Files that measure for how long a process or a call stands still, or how often something happens in a
 * time: what runs beside them would be measured as well.
 */
const ALONE = ['exit-storm']

/** Files of many seconds: outages that have to last, packages that are installed, browsers, models. */
const LONG = [
  'bulk',
  'debug-log',
  'demo',
  'demo-browser',
  'cli-large',
  'cli-migrate',
  'cli-rekey',
  'exit-storm',
  'fallback-memory',
  'hostile-sids',
  'hostile-sizes',
  'late-writes',
  'model',
  'never-ending',
  'outage-frozen',
  'outage-kill',
  'outage-proxy',
  'outage-replica-set',
  'outage-server-errors',
  'package',
  'previous-store-rules',
  'recovery',
  'runtimes',
  'scan',
  'soak',
  'threads',
  'watch-servers',
  'when-down',
]

/** Files that hold the documentation, the examples and the types to what they say. */
const PAGES = [
  'docs-code',
  'docs-links',
  'docs-programs',
  'examples',
  'migration-guides',
  'module-resolution',
  'types',
]

/**
 * The paths of the test files: those that may run side by side, and those that want to be alone. Without
 * the `long` ones these are quick; `pages` takes in those about pages and types, however long they take.
 */
export function testFiles({ long, pages }) {
  const names = readdirSync(join(root, FOLDER))
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => name.replace('.test.mjs', ''))
  if (names.length === 0) throw new Error(`There is no ${FOLDER}/*.test.mjs: nothing was tested`)
  const wanted = names.filter((name) => {
    return PAGES.includes(name) ? pages : long || !LONG.includes(name)
  })
  // The longest first, or the last one would run beside nothing.
  wanted.sort((a, b) => LONG.includes(b) - LONG.includes(a))
  return {
    together: wanted.filter((name) => !ALONE.includes(name)).map(pathOf),
    alone: wanted.filter((name) => ALONE.includes(name)).map(pathOf),
  }
}

function pathOf(name) {
  return join(root, FOLDER, `${name}.test.mjs`)
}
