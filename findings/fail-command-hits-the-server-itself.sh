#!/usr/bin/env bash
# MongoDB's test command that lets the next `find` of a client fail also counts a find that the server sends itself, so that
# an insert fails, with the error that was meant for a find.
#
# Versions: MongoDB 6.0.5 (a replica set of one), Node driver 7.5.0.
# Behaviour: `configureFailPoint: 'failCommand'` with `failCommands: ['find']` and the `appName` of a client. The first write
# with a transaction number in a new logical session makes the server look that session up in `config.transactions`, by a
# find of its own within the client's operation. That one fails, and the insert ends with the code that was ordered. With
# `namespace` the order is about the finds on one collection, and the insert succeeds.
# Who meets it: tests of drivers and of what is built on them, as an error that comes only with a session that is new.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod --replSet rs --setParameter enableTestCommands=1
cat > fail.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const uri = `mongodb://127.0.0.1:${process.argv[2]}/?directConnection=true`
const client = await MongoClient.connect(uri)
const admin = client.db('admin')
await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${process.argv[2]}` }] } })
while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((go) => setTimeout(go, 100))
await client.db('test').createCollection('kept')
async function insert(namespace) {
  const appName = `app-${namespace}`
  const other = await MongoClient.connect(uri, { appName, retryWrites: true })
  const data = { failCommands: ['find'], appName, errorCode: 8000, ...(namespace && { namespace }) }
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  const ended = await other.db('test').collection('kept').insertOne({}).then(() => 'inserted', (error) => `code ${error.code}`)
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
  await other.close()
  return ended
}
console.log(`any collection: ${await insert()}, one collection: ${await insert('test.kept')}`)
await client.close()
CODE
answer=$(node fail.mjs "$port")
seen "$answer"
[ "$answer" = "any collection: code 8000, one collection: inserted" ] || changed "$answer"
