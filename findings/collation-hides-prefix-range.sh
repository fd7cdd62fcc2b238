#!/usr/bin/env bash
# A collection's default collation lets a range over the prefix of string ids find nothing, without an error.
#
# Versions: MongoDB 6.0.5, Node driver 7.5.0.
# Behaviour: in a collection with the default collation { locale: 'en' }, `_id: { $gte: 'app:', $lt: 'app;' }` finds none of the
# documents whose ids begin with 'app:'; the same command with the simple collation finds them all. The order of punctuation and
# digits is another one there. A lookup of one id finds it.
# Who meets it: whoever keeps several kinds of documents apart by a prefix of the id.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > range.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const collection = await client.db('test').createCollection('kept', { collation: { locale: 'en' } })
await collection.insertMany(['app:a1', 'app:9z', 'app:Zb'].map((_id) => ({ _id })))
const range = { _id: { $gte: 'app:', $lt: 'app;' } }
const plain = await collection.find(range).toArray()
const simple = await collection.find(range, { collation: { locale: 'simple' } }).toArray()
const one = await collection.findOne({ _id: 'app:a1' })
console.log(`by default ${plain.length}, with the simple collation ${simple.length}, one id ${one === null ? 0 : 1}`)
await client.close()
CODE
answer=$(node range.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "by default 0, with the simple collation 3, one id 1" ] || changed "$answer"
