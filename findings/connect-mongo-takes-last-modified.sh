#!/usr/bin/env bash
# The key `lastModified` of a session belongs to connect-mongo: it breaks touches, and `touchAfter` saves sessions twice.
#
# Versions: connect-mongo 6.0.0, mongodb 7.5.0, express-session 1.19.0, MongoDB 6.0.5.
# Behaviour: `touch` calls `getTime` of a key with this name, whoever has put it there; an application's own, which is a string once
# it was stored, makes each request that only reads end in a TypeError. With `touchAfter`, `get` puts the date of the last save there,
# and `set` deletes the key of the object that it is given, which is `req.session` itself. An application's own is lost then, and
# express-session finds the session changed since the save and saves it once more at the end: `req.session.save()` before a
# redirect, as its README recommends it, writes twice.
# Who meets it: everybody with `touchAfter`, which is there to save writes.
. "$(dirname "$0")/support/start.sh"

install_npm connect-mongo@6.0.0 mongodb@7.5.0 express-session@1.19.0
install_mongod
start_mongod
cat > last.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import MongoStore from 'connect-mongo'
import session from 'express-session'
for (const touchAfter of [0, 3600]) {
  const store = MongoStore.create({ mongoUrl: `${process.argv[2]}/sessions${touchAfter}`, touchAfter })
  let saves = 0
  let failed = 'none'
  store.on('set', () => saves++)
  const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, store })
  const server = createServer((req, res) => {
    sessions(req, res, (error) => {
      if (error) return (failed = error.name)
      if (req.url === '/log-in') req.session.user = 'ada'
      if (req.url === '/note') req.session.lastModified = 'by me'
      if (req.url !== '/save') return res.end(String(req.session.lastModified === 'by me'))
      req.session.count = 1
      req.session.save(() => res.end())
    })
  }).listen(0)
  await once(server, 'listening')
  const visit = (path, cookie) => fetch(`http://localhost:${server.address().port}${path}`, { headers: { cookie } })
  const first = await visit('/log-in', '')
  await first.text()
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  saves = 0
  await (await visit('/save', cookie)).text()
  const writes = saves
  await (await visit('/note', cookie)).text()
  const answer = await (await visit('/read', cookie)).text().catch(() => 'no answer')
  console.log(`touchAfter ${touchAfter}: one save writes ${writes} times; own key read back: ${answer}, error: ${failed}`)
  server.close()
  await store.close()
}
CODE
expected="touchAfter 0: one save writes 1 times; own key read back: true, error: TypeError
touchAfter 3600: one save writes 2 times; own key read back: false, error: none"
answer=$(node last.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
