#!/usr/bin/env bash
# A document that was taken by `findOneAndDelete` stays in the database, whole and readable; `deleteOne` leaves nothing.
#
# Versions: MongoDB 6.0.5 (a replica set of one), Node driver 7.5.0 with its defaults.
# Behaviour: so that the command can be repeated after a broken connection, the server keeps the document that it answered in
# config.image_collection, until the same logical session sends another such command or is forgotten, half an hour after its last one. The
# oplog has only the id of what was deleted. An update that answers one field by a projection keeps the whole document
# likewise. With `retryWrites=false` there is no copy.
# Who meets it: tokens that may be used once and are deleted as they are read; whoever has promised that deleted is deleted; and
# queues of large documents, each of which is written once more.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod --replSet rs
cat > copy.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const uri = `mongodb://127.0.0.1:${process.argv[2]}/?directConnection=true`
const client = await MongoClient.connect(uri)
const admin = client.db('admin')
await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${process.argv[2]}` }] } })
while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((go) => setTimeout(go, 100))
const images = client.db('config').collection('image_collection')
async function left(name, take, options = {}) {
  const taker = await MongoClient.connect(uri, options)
  const tokens = taker.db('test').collection('tokens')
  await tokens.insertOne({ _id: name, secret: 'once', text: 'x'.repeat(100_000) })
  await take(tokens, { _id: name })
  const copy = await images.findOne({ 'image._id': name })
  await taker.close()
  console.log(`${name}: ${copy === null ? 'no copy' : `a copy with the secret ${copy.image.secret}, ${copy.image.text.length} letters`}`)
}
await left('deleteOne', (tokens, filter) => tokens.deleteOne(filter))
await left('findOneAndDelete', (tokens, filter) => tokens.findOneAndDelete(filter))
await left('without retries', (tokens, filter) => tokens.findOneAndDelete(filter), { retryWrites: false })
const used = { $set: { used: true } }
await left('findOneAndUpdate', (tokens, filter) => tokens.findOneAndUpdate(filter, used, { projection: { _id: 1 } }))
const gone = await client.db('local').collection('oplog.rs').findOne({ op: 'd', 'o._id': 'findOneAndDelete' })
console.log(`oplog: ${JSON.stringify(gone.o)}`)
await client.close()
CODE
expected="deleteOne: no copy
findOneAndDelete: a copy with the secret once, 100000 letters
without retries: no copy
findOneAndUpdate: a copy with the secret once, 100000 letters
oplog: {\"_id\":\"findOneAndDelete\"}"
answer=$(node copy.mjs "$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
