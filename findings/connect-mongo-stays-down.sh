#!/usr/bin/env bash
# connect-mongo that was made while MongoDB was down stays dead when the server is there.
#
# Versions: connect-mongo 6.0.0, express-session 1.19.0, MongoDB 6.0.5.
# Behaviour: the store keeps the promise of its first connection, rejected, for ever: every later call fails with the error of
# the first attempt, long after a new client connects to the same address without trouble. Only a restart of the process helps.
# Who meets it: applications that start before their database.
. "$(dirname "$0")/support/start.sh"

install_npm connect-mongo@6.0.0 mongodb@7.5.0 express-session@1.19.0
install_mongod
late_port=$(free_port)
cat > late.mjs <<'CODE'
import MongoStore from 'connect-mongo'
import { MongoClient } from 'mongodb'
import { createInterface } from 'node:readline'
const uri = process.argv[2]
process.on('unhandledRejection', () => {})
const store = MongoStore.create({ mongoUrl: uri, mongoOptions: { serverSelectionTimeoutMS: 500 }, autoRemove: 'disabled' })
store.on('error', () => {})
const get = () => new Promise((resolve) => store.get('a', (error) => resolve(error ? 'fails' : 'works')))
console.log(`without a server: ${await get()}`)
for await (const _line of createInterface({ input: process.stdin })) break
const client = await MongoClient.connect(uri)
await client.db('test').command({ ping: 1 })
await client.close()
console.log(`with a server that a new client reaches: ${await get()}`)
process.exit()
CODE
mkfifo go
node late.mjs "mongodb://127.0.0.1:$late_port/test" < go > answers &
pid=$!
pids+=("$pid")
exec 3> go
until grep -q without answers; do sleep 0.1; done
free_port() { echo "$late_port"; }
start_mongod
echo >&3
until grep -q 'new client' answers; do sleep 0.1; done
answer=$(tr '\n' ',' < answers)
seen "$answer"
[ "$answer" = "without a server: fails,with a server that a new client reaches: fails," ] || changed "$answer"
