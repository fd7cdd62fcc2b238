// The session of the handshake in socket.io. What a socket holds grows old while pages go on, so that it is read anew
// for each event and never saved as a whole. When the session ends, in whatever process, its sockets end with it.
import express from 'express'
import session from 'express-session'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  // Sessions that end are told, also those that another process ends.
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
const io = new Server(server)
// The same middleware, for the handshake.
io.engine.use(sessions)

io.use((socket, next) => {
  const { user } = socket.request.session
  next(user === undefined ? new Error('log in first') : undefined)
})

io.on('connection', (socket) => {
  const { sessionID } = socket.request
  socket.join(store.idOf(sessionID))
  socket.on('whoami', async (answer) => {
    const current = await store.get(sessionID)
    if (current === null) return socket.disconnect(true)
    answer(current.user)
  })
})

// Logged out, revoked or flagged; or its time is up.
for (const event of ['revoked', 'expired']) {
  store.on(event, ({ id }) => io.in(id).disconnectSockets(true))
}

server.listen(process.env.PORT ?? 3000)
// Closes the HTTP server, too.
process.once('SIGTERM', () => io.close(() => store.close()))
