#!/usr/bin/env bash
# The Node driver replaces the `lsid` of a command without a word, and keeps its `txnNumber`.
#
# Versions: Node driver 7.5.0, MongoDB 6.0.5 (a replica set of one).
# Behaviour: `db.command` with a session id and a transaction number of one's own leaves with the id of the driver's implicit
# session, whose own retryable writes count from 1. An update with the number 1 after an `insertOne` is taken by the server for the
# repetition of that insert: the reply says `ok: 1, n: 1`, and nothing is written. With a session passed as an option, and a number beyond its own, it is.
# Who meets it: whoever sends retryable writes through `db.command`.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod --replSet rs
cat > lsid.mjs <<'CODE'
import { randomBytes } from 'node:crypto'
import { Binary, Long, MongoClient } from 'mongodb'
const client = await MongoClient.connect(`mongodb://127.0.0.1:${process.argv[2]}/?directConnection=true`)
const admin = client.db('admin')
await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${process.argv[2]}` }] } })
while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((go) => setTimeout(go, 100))
const db = client.db('test')
await db.collection('kept').insertOne({ _id: 1, n: 0 })
const updates = [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }]
const counted = async () => (await db.collection('kept').findOne({ _id: 1 })).n
const lsid = { id: new Binary(randomBytes(16), 4) }
const reply = await db.command({ update: 'kept', updates, lsid, txnNumber: Long.fromNumber(1) })
const own = `own lsid: ok ${reply.ok}, n ${reply.n}, counted ${await counted()}`
const session = client.startSession()
await db.command({ update: 'kept', updates, txnNumber: Long.fromNumber(100) }, { session })
console.log(`${own}; session option: counted ${await counted()}`)
await session.endSession()
await client.close()
CODE
answer=$(node lsid.mjs "$port")
seen "$answer"
[ "$answer" = "own lsid: ok 1, n 1, counted 0; session option: counted 1" ] || changed "$answer"
