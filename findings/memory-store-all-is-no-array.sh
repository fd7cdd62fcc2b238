#!/usr/bin/env bash
# express-session's MemoryStore answers `all` with an object, where its README and the stores for MongoDB have an array.
#
# Versions: express-session 1.19.0, memorystore 1.6.8, connect-mongo 6.0.0, MongoDB 6.0.5.
# Behaviour: `store.all(callback)` gives an object by session ids, and so does memorystore. The README says
# "in the store as an array", and so does connect-mongo, whose sessions do not tell their ids. Neither `sessions.length` nor
# `sessions.filter` nor `Object.keys(sessions)` mean the same in both.
# Who meets it: whoever lists sessions, and changes the store between development and production.
. "$(dirname "$0")/support/start.sh"

install_npm connect-mongo@6.0.0 mongodb@7.5.0 express-session@1.19.0 memorystore@1.6.8
install_mongod
start_mongod
cat > all.mjs <<'CODE'
import MongoStore from 'connect-mongo'
import session from 'express-session'
import memorystore from 'memorystore'
const mongo = MongoStore.create({ mongoUrl: process.argv[2] })
const stores = { MemoryStore: new session.MemoryStore(), memorystore: new (memorystore(session))({}), 'connect-mongo': mongo }
for (const [name, store] of Object.entries(stores)) {
  await new Promise((resolve) => store.set('the-id', { cookie: {}, user: 'ada' }, resolve))
  store.all((_error, sessions) => {
    console.log(`${name}: ${Array.isArray(sessions) ? 'an array' : 'an object'}, keys ${Object.keys(sessions)}`)
    if (store === mongo) mongo.close()
  })
}
CODE
expected="MemoryStore: an object, keys the-id
memorystore: an object, keys the-id
connect-mongo: an array, keys 0"
answer=$(node all.mjs "mongodb://127.0.0.1:$port/test")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
