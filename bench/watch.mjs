// What the option watch costs: `node bench/watch.mjs`. A process that does nothing but keep a store open, while this one
// moves the expiry of sessions, 5 000 times a second; its CPU with the option and without it, in turns. In each of
// the rounds, some sessions are deleted as well, and it is measured how late that is told.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { main } from '../scripts/step.mjs'
import { demandReleaseBuild } from './harness/package-folder.mjs'
import { WEEK_MS, makeSession, sidsOf, toDocument } from './harness/sessions.mjs'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    writes: { type: 'string', default: '5000' },
  },
})

/** Between two commands, each of which carries the writes of that time. */
const TICK_MS = 10

const [rounds, seconds, writes] = [options.rounds, options.seconds, options.writes].map(Number)
const sids = sidsOf('watch', 20_000)
let count = 0

await main(async () => {
  demandReleaseBuild()
  const mongod = await startMongod({ replicaSet: 1 })
  const client = await MongoClient.connect(mongod.uri)
  try {
    const sessions = client.db().collection('sessions')
    const documents = sids.map((sid) => toDocument(sid, makeSession(2, 1), 'object'))
    await sessions.insertMany(documents)
    for (let round = 1; round <= rounds; round++) {
      for (const watch of [false, true]) {
        const { cpu, written, late } = await measure(mongod.uri, client.db(), watch)
        const delay = late.length > 0 ? `, told after ${late.join(', ')} ms` : ''
        console.log(
          `round ${round}, watch: ${watch}: ${(cpu * 100).toFixed(1)} % of a core at ` +
            `${Math.round(written)} writes a second${delay}`,
        )
      }
    }
  } finally {
    await client.close()
    await mongod.stop()
  }
})

async function measure(uri, database, watch) {
  const sessions = database.collection('sessions')
  const child = fork(fileURLToPath(new URL('harness/watcher.mjs', import.meta.url)), [
    JSON.stringify({ uri, watch }),
  ])
  try {
    await once(child, 'message')
    // It opens what it needs, and then has the load for a while.
    await load(database, 1)
    const before = await usage(child)
    const started = performance.now()
    const late = []
    const written = await load(database, seconds, async () => {
      if (!watch) return
      const sid = `gone-${count}`
      await sessions.insertOne({ _id: sid, expires: new Date(Date.now() + WEEK_MS), session: {} })
      const told = new Promise((resolve) => {
        child.on('message', ({ revoked }) => revoked === sid && resolve())
      })
      await sessions.deleteOne({ _id: sid })
      const deleted = performance.now()
      await told
      late.push(Math.round(performance.now() - deleted))
    })
    const elapsed = performance.now() - started
    const after = await usage(child)
    return { cpu: (after - before) / 1000 / elapsed, written: (written * 1000) / elapsed, late }
  } finally {
    child.disconnect()
    await once(child, 'exit')
  }
}

/** The CPU time of a process so far, in microseconds. */
async function usage(child) {
  const answer = new Promise((resolve) => {
    const hear = ({ cpu }) => {
      if (cpu === undefined) return
      child.off('message', hear)
      resolve(cpu)
    }
    child.on('message', hear)
  })
  child.send('usage')
  return answer
}

/** Moves the expiry of sessions for a time, and answers how often. Every two seconds, `aside` is called. */
async function load(database, forSeconds, aside = () => {}) {
  const started = performance.now()
  let written = 0
  let next = 2000
  const asides = []
  for (;;) {
    const elapsed = performance.now() - started
    if (elapsed > forSeconds * 1000) break
    if (elapsed > next) {
      next += 2000
      asides.push(aside())
    }
    const due = Math.floor((elapsed * writes) / 1000) - written
    if (due > 0) {
      const updates = Array.from({ length: due }, touch)
      // As bare as it can be: what writes shares the machine with what is measured.
      await database.command({ update: 'sessions', updates, ordered: false })
      written += due
    }
    await setTimeout(TICK_MS)
  }
  await Promise.all(asides)
  return written
}

function touch() {
  count++
  const q = { _id: sids[count % sids.length] }
  return { q, u: { $set: { expires: new Date(Date.now() + WEEK_MS + count) } } }
}
