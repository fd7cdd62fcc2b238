// Log-in, log-out, and log-out everywhere.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  // Whose session it is: what `destroyByUser` and `sessionsOf` go by.
  userId: (session) => session.user?.id,
})
store.on('error', (error) => console.error(error.message))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: { httpOnly: true, sameSite: 'lax', maxAge: 24 * 60 * 60 * 1000 },
  }),
)
app.use(express.json())

app.post('/login', (req, res, next) => {
  // Your own check of the password comes here.
  const user = { id: String(req.body.name), name: String(req.body.name) }
  // A new id: one that somebody planted before the log-in is worth nothing after it.
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.user = user
    res.json({ welcome: user.name })
  })
})

app.get('/', (req, res) => {
  if (req.session.user === undefined) return res.status(401).json({ error: 'log in first' })
  res.json({ user: req.session.user.name })
})

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => {
    if (error) return next(error)
    res.clearCookie('connect.sid').json({ bye: true })
  })
})

app.post('/logout-everywhere', async (req, res) => {
  if (req.session.user === undefined) return res.status(401).json({ error: 'log in first' })
  // Every other session of this user ends; a request that is under way with one cannot save it back.
  const ended = await store.destroyByUser(req.session.user.id, { except: req.sessionID })
  res.json({ ended })
})

app.use((error, _req, res, next) => {
  console.error(error.message)
  // Too late for an answer of one's own: Express closes the connection.
  if (res.headersSent) return next(error)
  res.status(500).json({ error: 'try again later' })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
