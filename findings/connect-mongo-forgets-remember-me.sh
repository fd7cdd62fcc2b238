#!/usr/bin/env bash
# A request that changes nothing of a session but its cookie's lifetime is forgotten by connect-mongo at the next request.
#
# Versions: connect-mongo 6.0.0, mongodb 7.5.0, express-session 1.19.0, MongoDB 6.0.5.
# Behaviour: express-session does not count the cookie when it looks for changes, so that it calls `touch` and not `set`. connect-mongo
# writes the new expiry then, but not the cookie: the next request loads the old lifetime, and its touch moves the expiry back to that. With
# express-session's own MemoryStore, on which one tries it, the new lifetime stays.
# Who meets it: whoever offers "remember me" on a page behind the log-in.
. "$(dirname "$0")/support/start.sh"

install_npm connect-mongo@6.0.0 mongodb@7.5.0 express-session@1.19.0
install_mongod
start_mongod
cat > remember.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import MongoStore from 'connect-mongo'
import session from 'express-session'
const hour = 3_600_000
async function remembered(store) {
  const cookie = { maxAge: hour }
  const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, rolling: true, store, cookie })
  const server = createServer((req, res) => {
    sessions(req, res, () => {
      if (req.url === '/log-in') req.session.user = 'ada'
      if (req.url === '/remember') req.session.cookie.maxAge = 720 * hour
      res.end(String(Math.round(req.session.cookie.originalMaxAge / hour)))
    })
  }).listen(0)
  await once(server, 'listening')
  const visit = (path, cookie) => fetch(`http://localhost:${server.address().port}${path}`, { headers: { cookie } })
  const first = await visit('/log-in', '')
  const id = first.headers.getSetCookie()[0].split(';')[0]
  const said = [await first.text()]
  for (const path of ['/remember', '/', '/']) said.push(await (await visit(path, id)).text())
  server.close()
  return said.join(', ')
}
console.log(`MemoryStore: ${await remembered(new session.MemoryStore())} hours`)
const store = MongoStore.create({ mongoUrl: process.argv[2] })
console.log(`connect-mongo: ${await remembered(store)} hours`)
await store.close()
CODE
expected="MemoryStore: 1, 720, 720, 720 hours
connect-mongo: 1, 720, 1, 1 hours"
answer=$(node remember.mjs "mongodb://127.0.0.1:$port/test")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
