#!/usr/bin/env bash
# The Node driver stores an invalid Date as the first moment of 1970, so that a TTL index deletes the document.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: `new Date('a typing error')` has NaN inside, which bson writes as 0. There is no error, it reads back as a valid Date, and
# the TTL monitor takes a document with such an `expires` at its next round. JSON has null in its place, mongoose refuses it.
# Who meets it: whoever computes an expiry from settings: a lifetime that is undefined ends every session at once, without a message.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod --setParameter ttlMonitorSleepSecs=1
cat > invalid.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const settings = {}
const expires = new Date(Date.now() + settings.lifetime)
await sessions.insertOne({ _id: 'kept', expires: new Date(Date.now() + 3_600_000) })
await sessions.insertOne({ _id: 'lost', expires })
const read = (await sessions.findOne({ _id: 'lost' })).expires.toISOString()
await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
const since = Date.now()
while ((await sessions.countDocuments()) === 2 && Date.now() - since < 60_000) {
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const left = (await sessions.find().toArray()).map(({ _id }) => _id)
console.log(`in JavaScript ${expires}, in MongoDB ${read}, left over by the TTL index: ${left}`)
await client.close()
CODE
expected="in JavaScript Invalid Date, in MongoDB 1970-01-01T00:00:00.000Z, left over by the TTL index: kept"
answer=$(node invalid.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
