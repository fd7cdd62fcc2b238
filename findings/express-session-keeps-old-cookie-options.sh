#!/usr/bin/env bash
# New cookie options of express-session do not reach the people who are logged in, however often their cookie is renewed.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: the options are copied into a session when it is made, and kept in the store with it. A deployment that shortens `maxAge` from thirty days
# to one, and adds `sameSite`, changes the cookies of new sessions. With `rolling` the others get a new Set-Cookie with every answer, and
# it says thirty days and no `sameSite`, for as long as they come back at least once a month. `httpOnly`, `path` and `domain` are
# kept likewise. `regenerate` makes a session with the options of today.
# Who meets it: whoever tightens their cookies after an audit, looks at their own, and reports that it is done.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > options.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
const day = 24 * 3_600_000
const store = new session.MemoryStore()
const deploy = (cookie) => session({ secret: 'some secret', resave: false, saveUninitialized: true, rolling: true, store, cookie })
let sessions = deploy({ maxAge: 30 * day })
const server = createServer((req, res) => sessions(req, res, () => res.end())).listen(0)
await once(server, 'listening')
async function visit(name, cookie = '') {
  const [set] = (await fetch(`http://localhost:${server.address().port}/`, { headers: { cookie } })).headers.getSetCookie()
  const days = Math.round((Date.parse(/Expires=([^;]+)/.exec(set)[1]) - Date.now()) / day)
  console.log(`${name}: ${days} days, ${/SameSite=\w+/.exec(set)?.[0] ?? 'no SameSite'}`)
  return set.split(';')[0]
}
const ada = await visit('before')
sessions = deploy({ maxAge: day, sameSite: 'strict' })
await visit('a new session', '')
await visit('the old session', await visit('the old session', ada))
server.close()
CODE
# Seen on Node 20.20.2:
expected="before: 30 days, no SameSite
a new session: 1 days, SameSite=Strict
the old session: 30 days, no SameSite
the old session: 30 days, no SameSite"
answer=$(node options.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
