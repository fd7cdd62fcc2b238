#!/usr/bin/env bash
# "Earlier than now" holds for what has no end, a text or a number, as soon as `now` is the server's.
#
# Versions: MongoDB 6.0.5, Node driver 7.5.0.
# Behaviour: `{ expires: { $lt: new Date() } }` matches dates only. `$$NOW`, the server's clock, can be used only in `$expr`, and
# there `$lt` compares values of all types by the order of their types: missing, null, numbers, texts, objects and arrays are
# below every date. A clean-up that is rewritten from the one into the other, so that wrong clocks of clients do no
# harm, deletes what was to stay for ever, and keeps only what ends later.
# Who meets it: whoever takes the advice to trust the server's clock.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > expr.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const hour = 3_600_000
await sessions.insertMany([
  { _id: 'ended', expires: new Date(Date.now() - hour) },
  { _id: 'lives', expires: new Date(Date.now() + hour) },
  { _id: 'no end' },
  { _id: 'null', expires: null },
  { _id: 'text', expires: '2999-01-01T00:00:00Z' },
  { _id: 'number', expires: Date.now() + hour },
])
const matched = async (filter) => (await sessions.find(filter).sort({ $natural: 1 }).toArray()).map(({ _id }) => _id)
console.log(`the client's now: ${await matched({ expires: { $lt: new Date() } })}`)
console.log(`the server's now: ${await matched({ $expr: { $lt: ['$expires', '$$NOW'] } })}`)
await client.close()
CODE
expected="the client's now: ended
the server's now: ended,no end,null,text,number"
answer=$(node expr.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
