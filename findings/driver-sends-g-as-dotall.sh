#!/usr/bin/env bash
# The Node driver sends the flag `g` of a regular expression as `s`, and the flag `s` not at all.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: to MongoDB `s` means that a dot matches line breaks, too, which is what `s` means in JavaScript. Of JavaScript's flags bson
# writes i and m as they are, g as s, and none of the others. A query with /a.b/g finds what the expression itself does not match,
# and one with /a.b/s does not find what it matches. An expression that is stored and read is as before, s apart, which hides it.
# Who meets it: whoever takes expressions from their code into a query, where `g` looks harmless.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > flags.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const notes = client.db('test').collection('notes')
const text = 'a\nb'
await notes.insertOne({ _id: 'note', text })
const said = []
for (const wanted of [/a.b/, /a.b/g, /a.b/s]) {
  said.push(`${wanted}: JavaScript ${wanted.test(text) ? 1 : 0}, MongoDB ${await notes.countDocuments({ text: wanted })}`)
}
await notes.insertOne({ _id: 'stored', g: /a.b/g, s: /a.b/s })
const { g, s } = await notes.findOne({ _id: 'stored' })
console.log(`${said.join('; ')}; stored and read: ${g} and ${s}`)
await client.close()
CODE
expected="/a.b/: JavaScript 0, MongoDB 0; /a.b/g: JavaScript 0, MongoDB 1; /a.b/s: JavaScript 1, MongoDB 0; stored and read: /a.b/g and /a.b/"
answer=$(node flags.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
