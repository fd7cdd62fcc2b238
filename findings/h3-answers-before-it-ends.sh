#!/usr/bin/env bash
# A browser has the whole answer of an h3 application before the answer is ended.
#
# Versions: h3 2.0.8, on the Node that runs this.
# Behaviour: for an answer of one piece, h3 2 (by srvx) sends the headers with its length and all of it by `res.write`, and
# then calls `res.end`. Express and Koa hand the answer to `res.end`, and middleware that does its work there, before it
# passes the last byte on, relies on that.
# Who meets it: sessions of express-session. What it waits for in `end`, the save, is not waited for: the next request of the
# browser may not see it.
. "$(dirname "$0")/support/start.sh"

install_npm h3@2.0.8
cat > end.mjs <<'CODE'
import { createServer, get } from 'node:http'
import { H3, fromNodeHandler } from 'h3'
import { toNodeHandler } from 'h3/node'
let release
const app = new H3()
app.use(
  fromNodeHandler((req, res, next) => {
    const { end } = res
    // Node takes a callback of `end` in the place of a chunk.
    res.end = (...args) => (release = () => end.apply(res, args))
    next()
  }),
)
app.on('GET', '/', () => 'welcome')
const server = createServer(toNodeHandler(app)).listen(0, () => {
  get(`http://localhost:${server.address().port}/`, (res) => {
    let body = ''
    res.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    res.on('end', () => {
      console.log(`"${body}" is whole, and ${release ? 'its end is still held' : 'has not begun to end'}`)
      process.exit()
    })
  })
})
CODE
# Seen on Node 20.20.2: "welcome" is whole, and its end is still held
answer=$(timeout 20 node end.mjs || true)
seen "h3 2.0.8, an answer of one piece: ${answer:-it waits for its end}"
[ "$answer" = '"welcome" is whole, and its end is still held' ] || changed "$answer"
