// Sessions of sockets: socket.io and express-ws.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import test from 'node:test'
import express from 'express'
import expressWs from 'express-ws'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { Browser, sessionOf } from '../express-support.mjs'
import { database, openStore, until } from '../support.mjs'

async function listen(t, server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}`
}

function pages(app) {
  app.post('/login', (req, res) => {
    req.session.user = 'ada'
    res.end()
  })
  app.get('/', (req, res) => res.json({ ...req.session, cookie: undefined }))
}

test('socket.io: a socket has the session of its handshake, sees what came later, and saves', async (t) => {
  const { uri } = await database(t)
  const sessions = sessionOf(openStore(t, { uri }))
  const app = express().use(sessions)
  pages(app)
  const server = createServer(app)
  const sockets = new Server(server)
  t.after(() => sockets.close())
  sockets.engine.use(sessions)
  sockets.on('connection', (socket) => {
    const { session } = socket.request
    socket.on('whoami', (reply) => session.reload((error) => reply(error ?? session.user)))
    socket.on('score', (score, reply) => {
      session.reload((error) => {
        if (error) return reply(error.message)
        socket.request.session.score = score
        socket.request.session.save((failure) => reply(failure ?? 'saved'))
      })
    })
  })
  const browser = new Browser(await listen(t, server))
  await browser.post('/login')

  const socket = io(browser.origin, {
    extraHeaders: browser.cookieHeader(),
    transports: ['websocket'],
  })
  t.after(() => socket.disconnect())
  await once(socket, 'connect')
  assert.equal(await socket.emitWithAck('whoami'), 'ada')
  assert.equal(await socket.emitWithAck('score', 7), 'saved')
  assert.deepEqual(JSON.parse((await browser.get('/')).text), { user: 'ada', score: 7 })
})

test('express-ws: a socket has the session of its request, and saves what it says', async (t) => {
  const { uri } = await database(t)
  const app = express()
  const server = createServer(app)
  expressWs(app, server)
  app.use(sessionOf(openStore(t, { uri })))
  pages(app)
  app.ws('/socket', (socket, req) => {
    socket.on('message', (text) => {
      req.session.said = String(text)
      req.session.save((error) => socket.send(error?.message ?? req.session.user))
    })
    // The session was loaded first, and what comes before somebody listens is lost.
    socket.send('ready')
  })
  const browser = new Browser(await listen(t, server))
  await browser.post('/login')

  const socket = new WebSocket(`${browser.origin.replace('http', 'ws')}/socket`, {
    headers: browser.cookieHeader(),
  })
  t.after(() => socket.terminate())
  assert.equal(String((await once(socket, 'message'))[0]), 'ready')
  socket.send('hello')
  const [reply] = await once(socket, 'message')
  assert.equal(String(reply), 'ada')
  await until(async () => {
    return JSON.parse((await browser.get('/')).text).said === 'hello'
  }, 'what the socket saved')
})
