#!/usr/bin/env bash
# An unordered update that runs out of maxTimeMS has done a part of its statements, and its reply does not say which.
#
# Versions: MongoDB 6.0.5 (a replica set of one), Node driver 7.5.0.
# Behaviour: of six statements the third waits for a document that a transaction holds. The command ends with code 50 for all
# of it: no `n`, no `writeErrors`. The two statements before it have been carried out, the three behind it have not been, though
# `ordered: false` promises that they do not depend on each other.
# Who meets it: whoever sends many writes in one command and wants to bound its time.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod --replSet rs
cat > bounded.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(`mongodb://127.0.0.1:${process.argv[2]}/?directConnection=true`)
const admin = client.db('admin')
await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${process.argv[2]}` }] } })
while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((go) => setTimeout(go, 100))
const db = client.db('test')
const collection = db.collection('kept')
const ids = [1, 2, 3, 4, 5, 6]
await collection.insertMany(ids.map((_id) => ({ _id, n: 0 })))
const session = client.startSession()
session.startTransaction()
await collection.updateOne({ _id: 3 }, { $set: { held: true } }, { session })
const updates = ids.map((_id) => ({ q: { _id }, u: { $set: { n: 1 } } }))
const error = await db.command({ update: 'kept', updates, ordered: false, maxTimeMS: 200 }).catch((failure) => failure)
await session.abortTransaction()
await session.endSession()
const done = await collection.distinct('_id', { n: 1 })
const told = error.errorResponse?.writeErrors !== undefined || error.errorResponse?.n !== undefined
console.log(`code ${error.code}, done ${done.join(',')}, ${told ? 'told' : 'not told'} by the reply`)
await client.close()
CODE
answer=$(node bounded.mjs "$port")
seen "$answer"
[ "$answer" = "code 50, done 1,2, not told by the reply" ] || changed "$answer"
