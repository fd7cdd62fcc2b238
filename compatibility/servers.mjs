// The servers that the package is checked on, as PyPI has them for Linux on x64.

/** What MongoDB 4.4 lacks: the checks that fail there, and what the store says of it. */
const LACKS = {
  titles: ['any key', 'keys with dots and dollars are changed and removed'],
  says: /a session with '\.' or '\$' in a key needs MongoDB 5\.0 or newer/,
}

/**
 * The oldest version that is promised, the one of `npm test`, which has all tests there, and the newest that there is;
 * 4.4 is not promised.
 */
export const SERVERS = [
  { version: '4.4.2', isPromised: false, runsTests: false },
  { version: '5.0.4', isPromised: true, runsTests: true },
  { version: '6.0.5', isPromised: true, runsTests: false },
  { version: '6.0.27', isPromised: true, runsTests: true },
]

/** Whether an outcome on a server is as it should be. */
export function isExpected({ isPromised }, { title, isOk, message }) {
  if (isPromised || !LACKS.titles.includes(title)) return isOk
  return !isOk && LACKS.says.test(message)
}

/**
 * Those of the tests that are about what servers may do in different ways: commands and their errors, indexes,
 * transactions, replica sets, log-ins.
 */
export const TEST_FILES = [
  'authentication',
  'auto-remove',
  'bulk',
  'collation',
  'concerns',
  'delete-flags',
  'destroyed',
  'difference-saves',
  'filter-keys',
  'find',
  'held-session',
  'index',
  'keys',
  'large-sessions',
  'lost-updates',
  'max-per-user',
  'outage-replica-set',
  'refused-writes',
  'renew-beside',
  'retried-writes',
  'round-trip',
  'stored-document',
  'unique-indexes',
  'users',
  'watch',
  'watch-servers',
]
