// Drives 'limit': encodes batches of commands, then sends them in a tight loop.
import { performance } from 'node:perf_hooks'
import { cpuNow } from './cpu.mjs'
import { figures } from './lanes.mjs'
import { Latencies } from './latencies.mjs'
import { makeSession, toDocument } from './sessions.mjs'
import { opMsg } from './wire.mjs'

const MAX_BATCH = 512

/** As many batches as are encoded in advance, so that they stay in memory. */
const MAX_BATCHES = 16

/**
 * Runs the cycle of commands of a trial. Half of the `concurrency` sessions are in the command
 * under way on one socket, half in that on the other.
 */
export async function runBatches({ store, cycle, operationsPerCycle = 1, sids, ...point }) {
  const { size, concurrency, consumes, durationMs, mongodPid } = point
  const connections = concurrency === 1 ? store.connections.slice(0, 1) : store.connections
  const batch = Math.min(MAX_BATCH, Math.ceil(concurrency / connections.length))
  const batches = split(sids, batch, consumes ? Infinity : MAX_BATCHES)
  const messages = encode({ cycle, batches, consumes, size, database: store.database })
  if (!consumes) for (const message of messages) await connections[0].command(message)

  const latencies = new Latencies()
  let next = 0
  let sent = 0
  let end
  const begin = cpuNow(mongodPid)
  const deadline = begin.at + durationMs

  const run = (connection) =>
    new Promise((resolve) => {
      const send = () => {
        if (end || (consumes && next >= messages.length)) return resolve()
        const started = performance.now()
        connection.send(messages[next++ % messages.length], () => {
          if (!end) {
            const now = performance.now()
            latencies.add(now - started)
            sent++
            if (now >= deadline) end = cpuNow(mongodPid)
          }
          send()
        })
      }
      send()
    })
  await Promise.all(connections.map(run))
  const operations = (sent * batch * operationsPerCycle) / cycle.length
  return figures(latencies, begin, end ?? cpuNow(mongodPid), operations)
}

function split(sids, batch, most) {
  const batches = []
  for (let at = 0; at + batch <= sids.length && batches.length < most; at += batch) {
    batches.push(sids.slice(at, at + batch))
  }
  return batches
}

/** Every batch twice with other contents, so that a write is never a no-op for the server. */
function encode({ cycle, batches, consumes, size, database }) {
  const messages = []
  for (const variant of consumes ? [0] : [0, 1]) {
    for (const sids of batches) {
      for (const name of cycle) messages.push(COMMANDS[name]({ sids, variant, size, database }))
    }
  }
  return messages
}

const COMMANDS = {
  find: ({ sids, database }) => {
    const filter = { _id: sids.length === 1 ? sids[0] : { $in: sids } }
    // The default would be 101 documents in the first reply.
    const command = { find: 'sessions', filter, batchSize: sids.length, singleBatch: true }
    return opMsg({ ...command, $db: database })
  },
  touch: ({ sids, variant, database }) =>
    updates(database, sids, () => ({ expires: soon(variant) })),
  set: ({ sids, variant, size, database }) => {
    const { _id, ...document } = toDocument('', makeSession(size, variant), 'object')
    return updates(database, sids, () => document, true)
  },
  change: ({ sids, variant, database }) =>
    updates(database, sids, () => ({
      expires: soon(variant),
      'session.cookie._expires': soon(variant),
      'session.views': variant,
    })),
  delete: ({ sids, database }) => {
    const documents = [{ q: { _id: { $in: sids } }, limit: 0 }]
    return opMsg({ delete: 'sessions', $db: database }, { name: 'deletes', documents })
  },
}

function updates(database, sids, fields, upsert = false) {
  const documents = sids.map((sid) => ({ q: { _id: sid }, u: { $set: fields(sid) }, upsert }))
  const command = { update: 'sessions', ordered: false, $db: database }
  return opMsg(command, { name: 'updates', documents })
}

function soon(variant) {
  return new Date(Date.now() + 1_000_000 + variant * 1000)
}
