#!/usr/bin/env bash
# Whether ids that differ by case are one id depends on the server, in a collection with the same default collation.
#
# Versions: SecantusDB 0.7.0b3 beside MongoDB 6.0.5, Node driver 7.5.0.
# Behaviour: in a collection with the collation { locale: 'en', strength: 2 } MongoDB refuses 'A' beside 'a' as a duplicate key of
# `_id_`. SecantusDB accepts the collation for the collection, shows it in listCollections, and stores both.
# Who meets it: tests on a server that is not the one of production.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
cat > both.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const [, , name, port] = process.argv
const client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`)
const db = client.db('test')
const collection = await db.createCollection('kept', { collation: { locale: 'en', strength: 2 } })
await collection.insertOne({ _id: 'a' })
const refused = await collection.insertOne({ _id: 'A' }).then(() => false, ({ code }) => code)
const [{ options }] = await db.listCollections({ name: 'kept' }).toArray()
console.log(`${name}: collation ${options.collation?.strength ?? 'not kept'}, 'A' beside 'a' ${refused || 'stored'}`)
await client.close()
CODE
install_mongod
start_mongod
answer=$(node both.mjs MongoDB "$port")
start_secantusdb
answer="$answer; $(node both.mjs SecantusDB "$port")"
seen "$answer"
[ "$answer" = "MongoDB: collation 2, 'A' beside 'a' 11000; SecantusDB: collation 2, 'A' beside 'a' stored" ] || changed "$answer"
