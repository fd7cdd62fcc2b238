#!/usr/bin/env bash
# An object that the Node driver has just read is not found by a query for it, if one of its keys is a number.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: MongoDB keeps the order of keys, and equal objects have the same one. A JavaScript object has its integer keys first,
# whatever was added first: a basket that got socks before article 1001 comes back with the article in front, and goes out
# so in a query, which matches nothing. Two documents that look the same in JavaScript are not equal for a unique index or `$addToSet`
# either. A Map in the query, in the stored order, finds it.
# Who meets it: whoever replaces a document only if it still is what they read, or removes an element by `$pull` of what they read:
# no error, nothing matched, for baskets with numbers in them.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > basket.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
await sessions.insertOne({ _id: 1, basket: {} })
const said = []
for (const article of ['socks', 'hat', '1001']) {
  await sessions.updateOne({ _id: 1 }, { $set: { [`basket.${article}`]: 1 } })
  const { basket } = await sessions.findOne()
  const { matchedCount } = await sessions.updateOne({ _id: 1, basket }, { $set: { seen: article } })
  said.push(`read ${Object.keys(basket)}: ${matchedCount} found`)
}
const inOrder = new Map(['socks', 'hat', '1001'].map((article) => [article, 1]))
console.log(`${said.join('; ')}; as a Map: ${await sessions.countDocuments({ basket: inOrder })} found`)
await client.close()
CODE
expected="read socks: 1 found; read socks,hat: 1 found; read 1001,socks,hat: 0 found; as a Map: 1 found"
answer=$(node basket.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
