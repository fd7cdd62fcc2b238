#!/usr/bin/env bash
# express-session fails with an answer that is ended by `res.end(callback)`, as soon as there is a session to save.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: its `end` takes the callback for a chunk and turns it into a Buffer, which throws a TypeError. Node takes
# `end(callback)` as `end(undefined, undefined, callback)`, so one would expect the answer to come.
# Who meets it: frameworks that end answers so, such as h3 2 (by srvx); there the browser sees a broken connection.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > end.mjs <<'CODE'
import { createServer, get } from 'node:http'
import session from 'express-session'
const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false })
const server = createServer((req, res) => {
  sessions(req, res, () => {
    if (req.url === '/changed') req.session.user = 'ada'
    try {
      res.end(() => {})
    } catch (error) {
      console.log(`${req.url}: ${error.code}`)
      res.destroy()
    }
  })
}).listen(0, () => {
  const ask = (path) =>
    new Promise((resolve) => {
      const url = `http://localhost:${server.address().port}${path}`
      get(url, (res) => resolve(res.resume())).on('error', resolve)
    })
  ask('/unchanged').then(() => ask('/changed')).then(() => process.exit())
})
CODE
# Seen on Node 20.20.2: "/changed: ERR_INVALID_ARG_TYPE", and nothing of /unchanged.
answer=$(node end.mjs)
seen "express-session 1.19.0, res.end(callback): ${answer:-it works}"
[ "$answer" = "/changed: ERR_INVALID_ARG_TYPE" ] || changed "$answer"
