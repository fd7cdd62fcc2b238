// The session of the handshake in socket.io. What a socket holds grows old while pages go on, so that it is read anew
// for each event and never saved as a whole.
import express from 'express'
import session from 'express-session'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
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
  const { sessionID } = req
  req.session.destroy((error) => {
    if (error) return next(error)
    // The sockets of this session end with it. Across processes, socket.io's adapters carry the command.
    io.in(sessionID).disconnectSockets(true)
    res.json({ bye: true })
  })
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
  socket.join(sessionID)
  socket.on('whoami', async (answer) => {
    const current = await store.get(sessionID)
    if (current === null) return socket.disconnect(true)
    answer(current.user)
  })
})

server.listen(process.env.PORT ?? 3000)
// Closes the HTTP server, too.
process.once('SIGTERM', () => io.close(() => store.close()))
