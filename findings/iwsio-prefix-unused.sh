#!/usr/bin/env bash
# The prefix of @iwsio/mongodb-express-session reaches no document, so that one application's `clear` ends the sessions of all.
#
# Versions: @iwsio/mongodb-express-session 0.4.10, express-session 1.19.0, MongoDB 6.0.5.
# Behaviour: with `prefix: 'shop:'` a session is stored under its bare id; a store with another prefix reads it, and its `clear`
# deletes it.
# Who meets it: two applications that share a collection and trust the option.
. "$(dirname "$0")/support/start.sh"

install_npm @iwsio/mongodb-express-session@0.4.10 mongodb@7.5.0 express-session@1.19.0
install_mongod
start_mongod
cat > prefix.mjs <<'CODE'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '@iwsio/mongodb-express-session'
const uri = `mongodb://127.0.0.1:${process.argv[2]}/test`
const make = (prefix) => new MongoSessionStore({ uri, collection: 'sessions', prefix, ttl: 60000, createTTLIndex: false })
const [shop, office] = [make('shop:'), make('office:')]
await new Promise((go) => setTimeout(go, 500))
const call = (store, verb, ...args) =>
  new Promise((resolve, reject) => store[verb](...args, (error, value) => (error ? reject(error) : resolve(value))))
await call(shop, 'set', 'a', { cookie: { originalMaxAge: 60000 }, of: 'shop' })
const client = await MongoClient.connect(uri)
const [{ _id }] = await client.db('test').collection('sessions').find().toArray()
const read = await call(office, 'get', 'a')
await call(office, 'clear')
const left = await client.db('test').collection('sessions').countDocuments()
console.log(`stored under ${_id}, the other application reads ${read?.of}, after its clear ${left} left`)
process.exit()
CODE
answer=$(node prefix.mjs "$port")
seen "$answer"
[ "$answer" = "stored under a, the other application reads shop, after its clear 0 left" ] || changed "$answer"
