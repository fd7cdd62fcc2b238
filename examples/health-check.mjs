// Liveness and readiness, and pages that work while the database is down.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  // Requests go on without a session during an outage: `req.session` is undefined then.
  whenDown: 'skip',
})
store.on('error', (error) => console.error('sessions are down:', error.message))
store.on('connect', () => console.log('sessions are up'))

const app = express()

// Before the session middleware: a probe needs no session, and must not wait for one.
app.get('/livez', (_req, res) => res.send('ok'))
app.get('/readyz', async (_req, res) => {
  try {
    await store.ping()
    res.send('ok')
  } catch (error) {
    res.status(503).send(error.code)
  }
})

app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
  }),
)

app.get('/', (req, res) => {
  if (req.session === undefined) return res.json({ views: 'not counted now' })
  req.session.views = (req.session.views ?? 0) + 1
  res.json({ views: req.session.views })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
