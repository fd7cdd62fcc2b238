#!/usr/bin/env bash
# MongoDB cuts a value that an error quotes in the middle of a character, and the Node driver then reports an error of BSON.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: messages of the server quote the value that was in the way, up to 150 bytes of it. Where that is within a character, the
# reply is not UTF-8. `findOneAndUpdate` then rejects with a BSONError that speaks of invalid UTF-8: the code of the
# server, 28 for example, and its message are lost. `updateOne` is read with more patience, and tells them.
# Who meets it: applications whose texts are not English, in code that looks at `error.code`.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > cut.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const told = (call) => call.then(() => 'no error', ({ name, code }) => `${name}${code ? ` ${code}` : ''}`)
for (const [what, note] of [['whole', 'a'.repeat(300)], ['cut', `a${'я'.repeat(150)}`]]) {
  await sessions.replaceOne({ _id: 1 }, { note }, { upsert: true })
  const update = { $set: { 'note.text': 'b' } }
  const one = await told(sessions.updateOne({ _id: 1 }, update))
  const found = await told(sessions.findOneAndUpdate({ _id: 1 }, update))
  console.log(`${what}: updateOne ${one}, findOneAndUpdate ${found}`)
}
await client.close()
CODE
expected="whole: updateOne MongoServerError 28, findOneAndUpdate MongoServerError 28
cut: updateOne MongoServerError 28, findOneAndUpdate BSONError"
answer=$(node cut.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
