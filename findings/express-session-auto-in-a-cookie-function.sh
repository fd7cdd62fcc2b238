#!/usr/bin/env bash
# `secure: 'auto'` and `sameSite: 'auto'` of express-session mean something else in the answer of a cookie function.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: since 1.19 `cookie` may be a function of the request, and `sameSite` may be 'auto'. Both words are looked for in the
# options as they were given, so that in the answer of a function nobody translates them: `secure: 'auto'` counts as true, and over HTTP
# no cookie is ever sent, without an error; `sameSite: 'auto'` is refused when the cookie is written, and there is none either.
# Who meets it: whoever moves `cookie: { secure: 'auto' }` into a function. It works on their https servers.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > auto.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
const store = new session.MemoryStore()
async function visit(cookie) {
  const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, store, cookie })
  let refused = ''
  const server = createServer((req, res) => {
    sessions(req, res, (error) => {
      if (error) return (refused = `, ${error.message}`)
      req.session.user = 'ada'
      res.end('welcome')
    })
  }).listen(0)
  await once(server, 'listening')
  const answer = await fetch(`http://localhost:${server.address().port}`)
  await answer.text()
  server.close()
  const cookies = answer.headers.getSetCookie()
  return (cookies.length === 0 ? 'no cookie' : cookies[0].replace(/^.*HttpOnly/, 'a cookie')) + refused
}
for (const options of [{ secure: 'auto' }, { secure: 'auto', sameSite: 'auto' }, { sameSite: 'auto' }]) {
  console.log(`${Object.keys(options).join(', ')}: ${await visit(options)}; by a function: ${await visit(() => options)}`)
}
CODE
# Seen on Node 20.20.2:
expected="secure: a cookie; by a function: no cookie
secure, sameSite: a cookie; SameSite=Lax; by a function: no cookie
sameSite: a cookie; SameSite=Lax; by a function: no cookie, option sameSite is invalid"
answer=$(node auto.mjs 2> /dev/null)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
