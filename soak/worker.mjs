// One process of the soak: a store, visitors with sessions of their own, and shared sessions.
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { AccountLanes, userId } from './account-lane.mjs'
import { EventLog } from './event-log.mjs'
import { Latencies, sample } from './measure.mjs'
import { Random } from './random.mjs'
import { SessionClient } from './session-client.mjs'
import { SharedLanes } from './shared-lane.mjs'
import { Standstills } from './standstill.mjs'
import { UnreliableStore } from './unreliable-store.mjs'
import { Visitor } from './visitor.mjs'

const { name, uri, seed, setting, slots, aheadMs, operationTimeout, entry, previousUri } =
  JSON.parse(process.argv[2])
const { visitors, lanes, accounts = 0, moves, isLagging } = setting
if (aheadMs !== 0) setClock(aheadMs)
const { MongoSessionStore } = await import(pathToFileURL(entry).href)

/** So many of the sessions that are over are looked at again. */
const RETIRED = 100

const random = new Random(seed)
const latencies = new Latencies()
const standstills = new Standstills()
const report = (kind, what) => process.send({ violation: { kind, what: `${name}: ${what}` } })
// On its own way to the server, which nothing disturbs: what is wrong with it, it does by itself.
const previous = moves
  ? new MongoSessionStore({ uri: previousUri, collection: 'previous' })
  : undefined
// Its outages are those of the server, which the other store tells of.
previous?.on('error', () => {})
const store = new MongoSessionStore({
  uri,
  operationTimeout,
  ...setting.options,
  ...(accounts > 0 && { userId }),
  ...(moves && {
    userId: ({ owner }) => owner,
    previousStore: new UnreliableStore(previous, random),
  }),
})
const client = new SessionClient({
  ...{ store, operationTimeout, latencies, standstills, report, name },
})
const stop = new AbortController()

let retiring = []
const retired = []
function retire(session) {
  retiring.push(session)
  // One that was never told to be over may still appear.
  if (session.allowance !== 'open') retired.push(session)
  if (retired.length > RETIRED) retired.shift()
}

const log = new EventLog()
const accountLanes = new AccountLanes({ client, random, log })
const shared = new SharedLanes({
  client,
  random,
  log,
  previous,
  announce: (announced) => process.send({ announced }),
})
const all = Array.from(
  { length: visitors },
  (_, index) =>
    new Visitor({ name: `${name}${index}`, client, random, retire, retired, isLagging }),
)

let epochs = 0
const commands = {
  calm({ calm }) {
    latencies.epoch = calm ? ++epochs : NaN
  },
  sample: () => process.send({ sample: sample() }),
  announced: ({ announced }) => shared.announced(announced),
  probe: ({ probe }) => recover().then((ms) => process.send({ recovered: { probe, ms } })),
  stop: () => stop.abort(),
}
process.on('message', (message) => {
  for (const name of Object.keys(message)) commands[name]?.(message)
})
// The coordinator is gone, and with it whoever would end this process.
const orphaned = () => process.exit(1)
process.once('disconnect', orphaned)

/** How many milliseconds it takes until a read and a write succeed. */
async function recover() {
  const begin = performance.now()
  const session = { cookie: { originalMaxAge: 1000, _expires: new Date(Date.now() + 1e8) } }
  for (const [verb, ...args] of [['get'], ['set', session]]) {
    while ((await client.call(verb, [`probe-${name}`, ...args])).error) await sleep(20)
  }
  const ms = performance.now() - begin
  return ms - standstills.among(ms)
}

function tell() {
  process.send({ shared: log.report(), retired: retiring })
  retiring = []
}

const telling = setInterval(tell, 100)
await Promise.all([
  ...all.map((visitor) => visitor.run(stop.signal)),
  lanes > 0 && shared.run(slots, lanes, stop.signal),
  accountLanes.run(accounts, stop.signal),
])
const live = await Promise.all(all.map((visitor) => visitor.end()))
const liveShared = await shared.end()
clearInterval(telling)
await store.close()
await previous?.close()
tell()
// The coordinator ends the conversation next; this process then has nothing left to do.
process.off('disconnect', orphaned)
process.send({
  end: {
    live,
    liveShared,
    latencies: latencies.entries(),
    errors: [...client.errors],
    discards: client.discards,
    standstillMs: standstills.longestMs,
  },
})

/** Has the application's clock be ahead, as it is on a machine without the right time. */
function setClock(aheadMs) {
  const Right = Date
  const now = () => Right.now() + aheadMs
  globalThis.Date = class Date extends Right {
    constructor(...args) {
      super(...(args.length === 0 ? [now()] : args))
    }

    static now = now
  }
}
