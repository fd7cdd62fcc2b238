#!/usr/bin/env bash
# An ObjectId that has crossed to another thread is stored as a document of four numbers, without an error.
#
# Versions: bson 7.3.4, Node driver 7.5.0, MongoDB 6.0.5, on the Node that runs this.
# Behaviour: messages between threads are structured clones, which keep the fields of an object and not its class. Those of an
# ObjectId are four integers since bson 7.3 (its bytes, in versions before): what arrives has neither toHexString nor _bsontype,
# `new ObjectId` refuses it, and the driver, which refuses values of other versions of bson, stores it as it is.
# A query by it finds nothing. A Date arrives as a Date, so that half of a session is right.
# Who meets it: whoever loads or checks sessions in worker threads.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > worker.mjs <<'CODE'
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { MongoClient, ObjectId } from 'mongodb'
const client = await MongoClient.connect(isMainThread ? process.argv[2] : workerData)
const db = client.db('test')
if (isMainThread) {
  const { insertedId } = await db.collection('users').insertOne({ name: 'Ada' })
  await db.collection('sessions').insertOne({ _id: 's', user: insertedId, at: new Date(0) })
  const [session] = await once(new Worker(new URL(import.meta.url), { workerData: process.argv[2] }), 'message')
  await db.collection('sessions').replaceOne({ _id: 's' }, session)
  const stored = await db.collection('sessions').findOne()
  const user = await db.collection('users').findOne({ _id: session.user })
  const kind = (value) => (value instanceof ObjectId ? 'an ObjectId' : value instanceof Date ? 'a Date' : `{ ${Object.keys(value)} }`)
  console.log(`stored: user ${kind(stored.user)}, at ${kind(stored.at)}; the user is ${user === null ? 'not found' : 'found'}`)
} else {
  parentPort.postMessage(await db.collection('sessions').findOne())
}
await client.close()
CODE
expected="stored: user { i0,i1,i2,i3 }, at a Date; the user is not found"
answer=$(node worker.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
