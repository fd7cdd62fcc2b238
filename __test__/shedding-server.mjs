// A server of the tests' own that speaks MongoDB's wire protocol and refuses commands because of its load.
//
// It is no mongod, because none that limits what it lets in (from 8.2 on) is to be had where these tests
// run. It greets like the primary of a replica set of that version, takes every command, and keeps nothing:
// what is asked for is missing, and what is written counts as written.
import { deserialize, serialize } from 'bson'
import { listen } from './wire.mjs'

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013

/** The header of a message. */
const HEADER = 16

const LABELS = ['SystemOverloadedError', 'RetryableError', 'NoWritesPerformed']

/** What such a server says. */
export function overload({ code = 462, labels = LABELS, ...more } = {}) {
  const names = {
    462: 'IngressRequestRateLimitExceeded',
    463: 'IngressOperationRateLimitExceeded',
  }
  return {
    ok: 0,
    errmsg: 'refused',
    code,
    codeName: names[code] ?? 'SomethingElse',
    errorLabels: labels,
    ...more,
  }
}

/**
 * Starts one for the time of a test.
 *
 * - `uri`: its connection string
 * - `commands`: what has come, as `{ name, at, document }`, without pings and what the driver asks by itself
 * - `sheds`: a function that the test sets; what it answers to `{ name, document }` of these is the reply
 */
export async function startSheddingServer(t) {
  const server = { commands: [], sheds: () => undefined }
  const port = await listen(t, (socket) => {
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= HEADER && pending.length >= pending.readInt32LE(0)) {
        const length = pending.readInt32LE(0)
        socket.write(reply(server, pending.subarray(0, length)))
        pending = pending.subarray(length)
      }
    })
  })
  const address = `127.0.0.1:${port}`
  server.greeting = () => ({
    helloOk: true,
    isWritablePrimary: true,
    ismaster: true,
    setName: 'rs0',
    setVersion: 1,
    hosts: [address],
    primary: address,
    me: address,
    maxBsonObjectSize: 16 * 1024 * 1024,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    minWireVersion: 0,
    maxWireVersion: 27,
    ok: 1,
  })
  server.uri = `mongodb://${address}/express_sessions?replicaSet=rs0`
  server.sent = (...names) => server.commands.filter(({ name }) => names.includes(name))
  return server
}

function reply(server, message) {
  const requestId = message.readInt32LE(4)
  if (message.readInt32LE(12) === OP_QUERY) {
    // Flags, the name of the collection, and how many documents to skip and to answer.
    const document = serialize(server.greeting())
    const head = Buffer.alloc(20)
    head.writeInt32LE(1, 16)
    return framed(OP_REPLY, requestId, [head, document])
  }
  const document = deserialize(message.subarray(HEADER + 4 + 1))
  const body = serialize(answer(server, document))
  return framed(OP_MSG, requestId, [Buffer.alloc(4 + 1), body])
}

function framed(opcode, responseTo, parts) {
  const header = Buffer.alloc(HEADER)
  const length = parts.reduce((sum, part) => sum + part.length, HEADER)
  header.writeInt32LE(length, 0)
  header.writeInt32LE(responseTo, 8)
  header.writeInt32LE(opcode, 12)
  return Buffer.concat([header, ...parts])
}

/** What the driver asks without the store. */
const OF_DRIVER = new Set(['hello', 'isMaster', 'ismaster', 'endSessions'])

/** With what the store asks whether the server is there, whenever it doubts that: a busy machine makes it doubt. */
const PING = 'ping'

function answer(server, document) {
  const [name] = Object.keys(document)
  if (name === 'endSessions') return { ok: 1 }
  if (OF_DRIVER.has(name)) return server.greeting()
  if (name === PING) return { ok: 1 }
  const refusal = server.sheds({ name, document })
  server.commands.push({ name, document, at: performance.now() })
  return refusal ?? CARRIED_OUT[name]?.(document) ?? { ok: 1 }
}

const emptyCursor = ({ find, aggregate, listCollections, $db }) => ({
  cursor: { id: 0n, ns: `${$db}.${find ?? aggregate ?? listCollections}`, firstBatch: [] },
  ok: 1,
})

const CARRIED_OUT = {
  find: emptyCursor,
  aggregate: emptyCursor,
  listCollections: emptyCursor,
  update: ({ updates }) => ({ n: updates.length, nModified: updates.length, ok: 1 }),
  delete: ({ deletes }) => ({ n: deletes.length, ok: 1 }),
}
