// Where am I logged in? The list of one's devices, a log-out of one of them, and of all others.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  userId: (session) => session.user,
  // What the list tells of a session: here, what the log-in has kept of its browser.
  device: (session) => session.device,
})
store.on('error', (error) => console.error(error.message))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', maxAge: 24 * 60 * 60 * 1000 },
  }),
)
app.use(express.json())

app.post('/login', (req, res, next) => {
  // Your own check of the password comes here.
  const user = String(req.body.name)
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.user = user
    req.session.device = { browser: req.get('user-agent') ?? 'unknown' }
    res.json({ welcome: user })
  })
})

// Whatever comes behind this is for those who are logged in.
app.use((req, res, next) => {
  if (req.session.user === undefined) return res.status(401).json({ error: 'log in first' })
  next()
})

app.get('/devices', async (req, res) => {
  // Neither a session nor its id is in it, so it can go to the browser as it is.
  res.json(await store.devices(req.session.user, { current: req.sessionID }))
})

app.delete('/devices/:handle', async (req, res) => {
  // The user is asked for as well: the handle of somebody else's session ends nothing.
  const ended = await store.revoke(req.session.user, req.params.handle)
  res.status(ended === 0 ? 404 : 200).json({ ended })
})

app.post('/logout-others', async (req, res) => {
  res.json({ ended: await store.revokeOthers(req.session.user, req.sessionID) })
})

app.use((error, _req, res, next) => {
  console.error(error.message)
  if (res.headersSent) return next(error)
  res.status(500).json({ error: 'try again later' })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
