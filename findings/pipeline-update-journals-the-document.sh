#!/usr/bin/env bash
# Brackets around an update make MongoDB write the whole document to its journal where it wrote one date.
#
# Versions: MongoDB 6.0.5 (a server by itself), Node driver 7.5.0.
# Behaviour: `{ $set: { expires } }` of a document of 600 KB writes about 100 bytes. The same as a pipeline, `[{ $set: { expires } }]`, with
# the same result and the same reply, writes 600 KB, at every call. The first changes a date in its place; the second makes a
# new document, of which the storage is told as a whole. In the oplog of a replica set both are the same few bytes, which is
# where one would look for the cost.
# Who meets it: whoever uses a pipeline for one expression, such as `$$NOW` or `$max` of two fields, on documents that are large.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > journal.mjs <<'CODE'
import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
await sessions.insertOne({ _id: 1, expires: new Date(0), data: randomBytes(450_000).toString('base64') })
const written = async () => (await client.db('admin').command({ serverStatus: 1 })).wiredTiger.log['log bytes of payload data']
let moment = Date.now()
async function cost(update) {
  const each = []
  for (let call = 0; call < 9; call++) {
    const before = await written()
    await sessions.updateOne({ _id: 1 }, update(new Date(++moment)))
    each.push((await written()) - before)
  }
  const median = each.sort((a, b) => a - b)[4]
  return median < 5000 ? 'a few bytes' : median < 500_000 ? `${median} bytes` : 'all of it'
}
const touch = await cost((expires) => ({ $set: { expires } }))
console.log(`$set: ${touch}; [$set]: ${await cost((expires) => [{ $set: { expires } }])}`)
await client.close()
CODE
answer=$(node journal.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "\$set: a few bytes; [\$set]: all of it" ] || changed "$answer"
