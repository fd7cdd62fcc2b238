#!/usr/bin/env bash
# MongoDB has two clocks for updates, and they differ by as long as the update had to wait.
#
# Versions: MongoDB 6.0.5 (a replica set of one), Node driver 7.5.0.
# Behaviour: an update waits for a document that a transaction has changed. `$$NOW` is the moment at which its command arrived, for
# all statements of the command; `$currentDate` that at which it is carried out at last. Both are called the current time.
# With `$$NOW` a later change can so carry an earlier moment than the one before it, and `expires: $$NOW + 2 s` has passed when it is
# written. One would bet on the moment of the write in both.
# Who meets it: leases, locks and lifetimes by the server's clock, under load or beside transactions.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod --replSet rs
cat > clocks.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(`mongodb://127.0.0.1:${process.argv[2]}/?directConnection=true`)
const admin = client.db('admin')
await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${process.argv[2]}` }] } })
while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((go) => setTimeout(go, 100))
const leases = client.db('test').collection('leases')
await leases.insertOne({ _id: 1 })
const seconds = 3
async function late(update) {
  const session = client.startSession()
  session.startTransaction()
  await leases.updateOne({ _id: 1 }, { $inc: { changes: 1 } }, { session })
  const began = Date.now()
  const waiting = leases.updateOne({ _id: 1 }, update)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  await session.commitTransaction()
  await session.endSession()
  await waiting
  const { at } = await leases.findOne()
  return at - began < 1500 ? 'when it was sent' : at - began < seconds * 1000 - 100 ? 'in between' : 'when it was done'
}
console.log(`$$NOW: ${await late([{ $set: { at: '$$NOW' } }])}; $currentDate: ${await late({ $currentDate: { at: true } })}`)
await client.close()
CODE
answer=$(node clocks.mjs "$port")
seen "$answer"
[ "$answer" = "\$\$NOW: when it was sent; \$currentDate: when it was done" ] || changed "$answer"
