#!/usr/bin/env bash
# A request that the browser cancels is neither saved nor touched by express-session, though its cookie was sent.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: a session is saved by `res.end`. Where the answer is a stream, `pipeline` and `pipe` call that at the end of the stream, and
# when the browser has gone before, never: they stop. What the handler has put into the session at its beginning is
# lost without an error, and with a new session the browser keeps a cookie for which there is nothing. `req.session.save()` before
# the stream, which looks superfluous, saves it.
# Who meets it: video players, which cancel nearly every request for a part of a film: somebody's session ends in the middle of it.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > cancelled.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import session from 'express-session'
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function* film() {
  for (let part = 0; part < 10; part++) {
    yield 'x'.repeat(1000)
    await pause(50)
  }
}
const sendings = { pipeline: (body, res) => pipeline(body, res, () => {}), pipe: (body, res) => body.pipe(res) }
for (const [name, send] of Object.entries(sendings)) {
  for (const cancels of [false, true]) {
    const store = new session.MemoryStore()
    const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, store })
    const server = createServer((req, res) =>
      sessions(req, res, () => {
        req.session.watched = 'a film'
        send(Readable.from(film()), res)
      }),
    ).listen(0)
    await once(server, 'listening')
    const leave = new AbortController()
    const { body, headers } = await fetch(`http://localhost:${server.address().port}/`, { signal: leave.signal })
    const reader = body.getReader()
    await reader.read()
    if (cancels) leave.abort()
    else while (!(await reader.read()).done);
    // Longer than the film.
    await pause(1000)
    const kept = Object.keys(store.sessions).length
    console.log(`${name}${cancels ? ', cancelled' : ''}: ${headers.getSetCookie().length} cookie, ${kept} session stored`)
    server.closeAllConnections()
    server.close()
  }
}
CODE
# Seen on Node 20.20.2:
expected="pipeline: 1 cookie, 1 session stored
pipeline, cancelled: 1 cookie, 0 session stored
pipe: 1 cookie, 1 session stored
pipe, cancelled: 1 cookie, 0 session stored"
answer=$(node cancelled.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
