#!/usr/bin/env bash
# `$set` of an object replaces what is there, unless it stands in a pipeline: then it merges.
#
# Versions: Node driver 7.5.0, MongoDB 6.0.5.
# Behaviour: `{ $set: { session: { theme: 'dark' } } }` leaves only the theme. The same in brackets, as an update by a pipeline, is taken
# for the fields inside: all other keys of the stored session stay, and in an array each element gets the field. An object in
# `$literal` replaces; an empty one without it is an error.
# Who meets it: whoever puts brackets around an update to use one expression, such as `$$NOW`, and with it keeps what
# should be gone, say the user of a session that was logged out.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > merge.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const after = async (stored, update) => {
  await sessions.deleteMany({})
  await sessions.insertOne({ _id: 1, session: stored })
  await sessions.updateOne({ _id: 1 }, update)
  return JSON.stringify((await sessions.findOne({ _id: 1 })).session)
}
const stored = { user: 'ada' }
const session = { theme: 'dark' }
console.log(`$set: ${await after(stored, { $set: { session } })}`)
console.log(`[$set]: ${await after(stored, [{ $set: { session } }])}`)
console.log(`[$set] on an array: ${await after([{ n: 1 }, 2], [{ $set: { session } }])}`)
console.log(`[$set] of a literal: ${await after(stored, [{ $set: { session: { $literal: session } } }])}`)
await client.close()
CODE
expected="\$set: {\"theme\":\"dark\"}
[\$set]: {\"user\":\"ada\",\"theme\":\"dark\"}
[\$set] on an array: [{\"n\":1,\"theme\":\"dark\"},{\"theme\":\"dark\"}]
[\$set] of a literal: {\"theme\":\"dark\"}"
answer=$(node merge.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
