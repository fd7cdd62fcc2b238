#!/usr/bin/env bash
# Whether a page that is open keeps its session alive depends on the transport that socket.io has chosen.
#
# Versions: socket.io 4.8.4, socket.io-client 4.8.4, express-session 1.19.0.
# Behaviour: `io.engine.use(session(…))` runs for every HTTP request. By long polling each ping and each message is one, and touches the
# session; a web socket is one request, the handshake, and touches nothing afterwards, however much comes over it. The same page ends with
# its session after an hour for most visitors, and never for those behind a proxy that allows no web sockets.
# Who meets it: applications that live on one page.
. "$(dirname "$0")/support/start.sh"

install_npm socket.io@4.8.4 socket.io-client@4.8.4 express-session@1.19.0
cat > transports.mjs <<'CODE'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
async function touches(transport) {
  const store = new session.MemoryStore()
  const sessions = session({ secret: 'some secret', resave: false, saveUninitialized: false, rolling: true, store })
  const server = createServer((req, res) => {
    sessions(req, res, () => {
      req.session.user = 'ada'
      res.end()
    })
  }).listen(0)
  await once(server, 'listening')
  const url = `http://localhost:${server.address().port}`
  const cookie = (await fetch(url)).headers.getSetCookie()[0].split(';')[0]
  let count = 0
  const { touch } = store
  store.touch = (...args) => {
    count++
    touch.apply(store, args)
  }
  const io = new Server(server)
  io.engine.use(sessions)
  io.on('connection', (socket) => socket.on('say', (_word, answer) => answer(socket.request.session.user)))
  const socket = connect(url, { transports: [transport], extraHeaders: { cookie } })
  await once(socket, 'connect')
  const atConnection = count
  for (let word = 0; word < 10; word++) await socket.emitWithAck('say', word)
  const later = count - atConnection
  socket.close()
  io.close()
  return later
}
console.log(`10 messages later, websocket: ${await touches('websocket')} touches, polling: ${(await touches('polling')) >= 10 ? '10 or more' : 'fewer'}`)
CODE
expected="10 messages later, websocket: 0 touches, polling: 10 or more"
answer=$(node transports.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
