#!/usr/bin/env bash
# After `cookie.domain` was set, everybody who has a cookie from before can log in, and is logged out by the next click, until it ends.
#
# Versions: express-session 1.19.0, tough-cookie 6.1.0 for the browser, on the Node that runs this.
# Behaviour: to a browser the cookie of the host and that of the domain are two, with the same name. It sends both, the older one
# first, and express-session looks at the first. The log-in makes a new session and sends its id in the cookie of the domain; the
# next request brings the id of the old session in front, which is gone, so that a new visitor is made. As the
# old cookie is not named by any answer any more, only its own end or clearing the browser helps. Another `name` for the cookie avoids it.
# Who meets it: a shop at www.example.org that adds login.example.org. It works in every new browser, and in a private window.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0 tough-cookie@6.1.0
cat > domain.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
import { CookieJar } from 'tough-cookie'
const store = new session.MemoryStore()
const deploy = (domain) =>
  session({ secret: 'some secret', resave: false, saveUninitialized: false, store, cookie: { domain, maxAge: 3_600_000 } })
let sessions = deploy()
const server = createServer((req, res) =>
  sessions(req, res, () => {
    if (req.url === '/') return res.end(req.session.user ?? 'nobody')
    req.session.regenerate(() => {
      req.session.user = 'ada'
      res.end('logged in')
    })
  }),
).listen(0)
await once(server, 'listening')
async function browse(jar, ...paths) {
  const said = []
  for (const path of paths) {
    const cookie = await jar.getCookieString('http://www.example.org/')
    const answer = await fetch(`http://localhost:${server.address().port}${path}`, { headers: { cookie } })
    for (const set of answer.headers.getSetCookie()) await jar.setCookie(set, 'http://www.example.org/')
    said.push(await answer.text())
  }
  return said.join(', ')
}
const [old, fresh] = [new CookieJar(), new CookieJar()]
console.log(`without a domain: ${await browse(old, '/log-in', '/')}`)
sessions = deploy('example.org')
console.log(`with one, a new browser: ${await browse(fresh, '/log-in', '/', '/log-in', '/')}`)
console.log(`with one, the old browser: ${await browse(old, '/', '/log-in', '/', '/log-in', '/')}`)
server.close()
CODE
# Seen on Node 20.20.2:
expected="without a domain: logged in, ada
with one, a new browser: logged in, ada, logged in, ada
with one, the old browser: ada, logged in, nobody, logged in, nobody"
answer=$(node domain.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
