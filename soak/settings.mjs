// Where a soak takes place: which servers and stores, who uses them, and what goes wrong there.

const HOUR_MS = 3_600_000

/**
 * - `share`: how much of the time it has, compared with the others
 * - `server`: what mongod is started with
 * - `proxied`: whether the way to it is disturbed, too
 * - `query`: of the connection string
 * - `options`: of all stores, and `each` of each; `clocks` are what the clocks of the processes are ahead by,
 *   in milliseconds
 * - `pools`: to how many servers a process has connections, unless to one
 * - `visitors`, `lanes`, `accounts`: how many of each every process has
 * - `moves`: whether shared sessions come from a previous store that fails at times
 * - `isLagging`: whether a read may be older than one before it, where no write was acknowledged in between
 * - `faults`: how often each is chosen
 */
export const SETTINGS = [
  {
    name: 'one server',
    // Memory takes its time to be judged.
    share: 2,
    server: {},
    proxied: true,
    query: 'journal=true',
    visitors: 24,
    lanes: 6,
    faults: { kill: 3, freeze: 4, partition: 4, cut: 2, slow: 2, lose: 3 },
  },
  {
    name: 'accounts',
    share: 1,
    server: { replicaSet: 1 },
    proxied: true,
    query: 'journal=true&directConnection=true',
    options: {
      maxPerUser: 3,
      autoRemove: 'interval',
      autoRemoveInterval: 1000,
    },
    // A destroyed session is flagged by one of them, and deleted by the other.
    each: [{}, { deleteFlags: true }],
    clocks: [-60_000, HOUR_MS],
    visitors: 6,
    lanes: 6,
    accounts: 9,
    faults: { lose: 8, cut: 2, slow: 2, freeze: 1 },
  },
  {
    name: 'moves',
    share: 1,
    // Those of the previous store are others.
    pools: 2,
    server: { replicaSet: 1 },
    proxied: true,
    query: 'journal=true&directConnection=true',
    moves: true,
    visitors: 6,
    lanes: 12,
    faults: { lose: 6, cut: 2, slow: 2, freeze: 1, kill: 1 },
  },
  {
    name: 'secondaries',
    share: 1,
    pools: 3,
    server: { replicaSet: 3, args: ['--setParameter', 'enableTestCommands=1'] },
    query: 'readPreference=secondary&readConcernLevel=majority&w=majority',
    isLagging: true,
    visitors: 16,
    lanes: 0,
    faults: { lag: 6, freezeMember: 2, stepDown: 2, killMember: 1 },
  },
]
