#!/usr/bin/env bash
# A session whose `cookie.expires` is a fixed moment does not end at it: each request moves it.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: setting `expires` notes the time until then as `originalMaxAge`, and at the end of every request the session is touched,
# which puts the expiry that far ahead of now. A session that was to end at ten, in an hour, ends at half past ten when it is
# used at half past nine, and never while it is used; the browser keeps the cookie of before, unless it is `rolling`.
# Who meets it: whoever lets sessions end at midnight, or with a token that they hold.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > fixed.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
const minutes = 60_000
let passed = 0
const { now } = Date
Date.now = () => now() + passed
const store = new session.MemoryStore()
const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, store })
const end = new Date(Date.now() + 60 * minutes)
const server = createServer((req, res) => {
  sessions(req, res, () => {
    if (req.url === '/log-in') {
      req.session.user = 'ada'
      req.session.cookie.expires = end
    }
    res.end(req.session.user ?? 'nobody')
  })
}).listen(0)
await once(server, 'listening')
const visit = (path, cookie) => fetch(`http://localhost:${server.address().port}${path}`, { headers: { cookie } })
const cookie = (await visit('/log-in', '')).headers.getSetCookie()[0].split(';')[0]
const said = []
for (const minute of [30, 80, 130]) {
  passed = minute * minutes
  said.push(`${minute} min: ${await (await visit('/', cookie)).text()}`)
}
server.close()
console.log(`to end after 60 min; ${said.join(', ')}`)
CODE
# Seen on Node 20.20.2:
expected="to end after 60 min; 30 min: ada, 80 min: ada, 130 min: ada"
answer=$(node fixed.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
