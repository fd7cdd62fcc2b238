// The types of one's own session data: declared once, known in every handler.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

declare module 'express-session' {
  interface SessionData {
    user: { id: string; name: string }
    views: number
  }
}

const store = new MongoSessionStore({
  uri: process.env['MONGODB_URI'] ?? 'mongodb://localhost:27017/express_sessions',
  // `session` has the fields that are declared above, each perhaps missing.
  userId: (session) => session.user?.id,
})
store.on('error', (error) => console.error(error.code, error.message))

const app = express()
app.use(
  session({
    secret: process.env['SESSION_SECRET'] ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 24 * 60 * 60 * 1000 },
  }),
)

app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.json({ views: req.session.views })
})

const server = app.listen(Number(process.env['PORT'] ?? 3000))
process.once('SIGTERM', () => server.close(() => void store.close()))
