// Which test files there are, and in which order they start.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './step.mjs'

const FOLDER = '__test__'

/** Those that take longest, or wait most, begin first: one that begins last would run beside nothing. */
const FIRST = [
  'soak',
  'outage-replica-set',
  'hostile-sizes',
  'recovery',
  'outage-frozen',
  'when-down',
  'fallback-memory',
  'examples',
  'migration-guides',
  'runtimes',
  'application-bson',
  'package',
  'outage-kill',
]

/** Files of many seconds. */
const SLOW = [
  'soak',
  'hostile-sizes',
  'hostile-values',
  'recovery',
  'cli',
  'cli-collection',
  'cli-usage',
  'cli-operator',
  'difference-saves',
  'failed-saves',
  'when-down',
  'outage-kill',
  'fallback-memory',
  'exit-storm',
  'application-bson',
  'outage-frozen',
  'runtimes',
  'package',
  'cli-large',
  'tls',
  'encryption',
  'connect-mongo-peers',
  'driver3',
  'update',
  'destroyed',
  'cli-rekey',
  'cli-migrate',
  'threads',
  'user-of-document',
  'concerns',
  'hostile-sids',
  'late-writes',
  'processes',
  'model',
  'outage-proxy',
  'outage-replica-set',
  'outage-server-errors',
  'bulk',
  'bulk-beside',
  'debug-log',
  'never-ending',
  'previous-store-moves',
  'previous-store-rules',
  'scan',
  'refused-writes',
  'mistakes',
  'demo',
  'watch-servers',
  'supply-chain',
  'loading',
]

/**
 * Files of several seconds, and those about one option, another package, the command line or the repository: too many
 * for the inner loop, which is to take a minute of two processors.
 */
const MEDIUM = [
  'expires-of-others',
  'cli-renewed',
  'stored-cookies',
  'refused-saves',
  'previous-store',
  'devices',
  'max-per-user',
  'express-options',
  'list-slices',
  'previous-store-ended',
  'connect-mongodb-session-peer',
  'exact-filters',
  'encryption-refusals',
  'assurance',
  'logged-in',
  'destroyed-documented',
  'indexes-values',
  'encryption-format',
  'workflows',
  'ignored-promises',
  'realms',
  'connect-mongo-times',
  'connect-mongodb-session',
  'cloud-credentials',
  'bench-processes',
  'migration-tables',
  'pictures',
  'encryption-convert',
  'renew',
  'renew-beside',
  'renew-meanwhile',
  'watch',
  'json-rules',
  'fake-timers',
  'list-parts',
  'indexes-parallel',
  'overload',
  'connect-mongo',
  'connect-mongo-forms',
  'connect-mongo-crypto',
  'framework-stores',
  'better-auth',
  'collation',
  'request-contexts',
  'duplicate-ids',
  'delete-flags-stored',
  'keys',
  'indexes-explain',
  'seed-walkthrough',
  'seed-application',
  'fastify',
  'fastify-parallel',
  'express-session-mongodb',
  'nestjs',
  'passport',
  'iwsio',
  'index',
  'client',
  'find',
  'lost-updates',
  'encryption-options',
  'dropped-collection',
  'held-session',
  'retried-writes',
  'tracing',
  'tracing-commands',
  'round-trip',
  'express-session-mongodb-peer',
  'encryption-fleet',
  'slow-adapter',
  'correctness',
  'one-encoding',
  'transport',
  'server-api',
  'unanswered-saves',
  'operation-timeout',
  'secrets',
  'stats',
  'authentication',
  'otel',
  'srv',
  'standing-connection',
  'hostile-documents',
  'wiped-keys',
  'limits',
]

/** Files that hold the documentation, the examples and the types to what they say. */
const PAGES = [
  'module-resolution',
  'migration-guides',
  'examples',
  'docs-programs',
  'docs-code',
  'docs-links',
  'types',
]

/** The order in which they start. */
const ORDER = [...FIRST, ...SLOW, ...PAGES, ...MEDIUM]

/**
 * The paths of the test files: the `quick` ones, the `medium` and the `slow` ones, those about `pages` and types,
 * however long they take, or those with `longForms`.
 */
export function testFiles({ quick, medium, slow, pages, longForms }) {
  const names = readdirSync(join(root, FOLDER))
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => name.replace('.test.mjs', ''))
  if (names.length === 0) throw new Error(`There is no ${FOLDER}/*.test.mjs: nothing was tested`)
  const isWanted = (name) => {
    if (longForms) return hasLongForm(name)
    if (PAGES.includes(name)) return pages
    if (MEDIUM.includes(name)) return medium
    return SLOW.includes(name) ? slow : quick
  }
  return names
    .filter(isWanted)
    .sort((a, b) => rank(a) - rank(b))
    .map(pathOf)
}

function rank(name) {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}

/** Whether it asks whether the long form is wanted. */
function hasLongForm(name) {
  return /^import .*\bisLong\b/ms.test(readFileSync(pathOf(name), 'utf8'))
}

function pathOf(name) {
  return join(root, FOLDER, `${name}.test.mjs`)
}
