#!/usr/bin/env bash
# express-session cannot save a session of a request that came by Node's own http2.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: it calls `res._implicitHeader()`, a private method of HTTP/1 answers that those of http2 do not have, and
# throws a TypeError from within `res.end`, so that nobody can answer. One would expect the session to be saved.
# Who meets it: applications of connect (or anything else that runs on http2) which are not behind a proxy that speaks
# HTTP/1 to them.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > http2.mjs <<'CODE'
import { connect, createServer } from 'node:http2'
import session from 'express-session'
const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false })
const server = createServer((req, res) => {
  sessions(req, res, () => {
    req.session.user = 'ada'
    try {
      res.end('welcome')
      console.log('it works')
    } catch (error) {
      console.log(error.message)
    }
    process.exit()
  })
}).listen(0, () => {
  const client = connect(`http://localhost:${server.address().port}`)
  client.request({ ':path': '/' }).end()
})
CODE
# Seen on Node 20.20.2: "res._implicitHeader is not a function".
answer=$(node http2.mjs)
seen "express-session 1.19.0 on http2: $answer"
[ "$answer" = "res._implicitHeader is not a function" ] || changed "$answer"
