// One process of the soak: a store, visitors with sessions of their own, and shared sessions.
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Latencies, sample } from './measure.mjs'
import { Random } from './random.mjs'
import { SessionClient } from './session-client.mjs'
import { SharedLanes } from './shared-lane.mjs'
import { Visitor } from './visitor.mjs'

const { name, uri, seed, visitors, slots, lanes, operationTimeout, entry } = JSON.parse(
  process.argv[2],
)
const { MongoSessionStore } = await import(pathToFileURL(entry).href)

/** So many of the sessions that are over are looked at again. */
const RETIRED = 100

const random = new Random(seed)
const latencies = new Latencies()
const report = (kind, what) => process.send({ violation: { kind, what: `${name}: ${what}` } })
const store = new MongoSessionStore({ uri, operationTimeout })
const client = new SessionClient({ store, operationTimeout, latencies, report, name })
const stop = new AbortController()

let retiring = []
const retired = []
function retire(session) {
  retiring.push(session)
  // One that was never told to be over may still appear.
  if (session.allowance !== 'open') retired.push(session)
  if (retired.length > RETIRED) retired.shift()
}

const shared = new SharedLanes({
  client,
  random,
  announce: (announced) => process.send({ announced }),
})
const all = Array.from(
  { length: visitors },
  (_, index) => new Visitor({ name: `${name}${index}`, client, random, retire, retired }),
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
  return performance.now() - begin
}

function tell() {
  process.send({ shared: shared.report(), retired: retiring })
  retiring = []
}

const telling = setInterval(tell, 100)
await Promise.all([
  ...all.map((visitor) => visitor.run(stop.signal)),
  shared.run(slots, lanes, stop.signal),
])
const live = await Promise.all(all.map((visitor) => visitor.end()))
const liveShared = await shared.end()
clearInterval(telling)
await store.close()
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
  },
})
