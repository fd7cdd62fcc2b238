// Web sockets with ws. Each belongs to the session of its handshake and is closed when that ends, in whatever process:
// logged out, revoked by its user or an administrator, or expired.
import express from 'express'
import session from 'express-session'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  watch: true,
})
store.on('error', (error) => console.error(error.message))

const sessions = session({
  secret: process.env.SESSION_SECRET ?? 'a secret of your own',
  store,
  resave: false,
  saveUninitialized: false,
})
const app = express()
app.use(sessions)

app.post('/login/:name', (req, res) => {
  req.session.user = req.params.name
  res.json({ user: req.session.user })
})

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.json({ bye: true })))
})

const server = createServer(app)
const wss = new WebSocketServer({ noServer: true })

server.on('upgrade', (req, socket, head) => {
  // The same middleware. There is no response, so nothing is saved and no cookie is set.
  sessions(req, {}, (error) => {
    if (error || req.session?.user === undefined) {
      return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
    }
    wss.handleUpgrade(req, socket, head, (ws) => {
      ws.sessionId = store.idOf(req.sessionID)
      ws.send(`hello ${req.session.user}`)
    })
  })
})

for (const event of ['revoked', 'expired']) {
  store.on(event, ({ id }) => {
    for (const ws of wss.clients) {
      if (ws.sessionId === id) ws.close(4001, 'logged out')
    }
  })
}

server.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => {
  for (const ws of wss.clients) ws.close(1001, 'going away')
  server.close(() => store.close())
})
