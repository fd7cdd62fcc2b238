// Encrypted sessions, and a change of the key without a log-out: the first key writes, every key reads.
//
//   $ node -e "console.log(crypto.randomBytes(32).toString('base64'))"
//   $ SESSION_KEYS=<key> node key-rotation.mjs
//   $ SESSION_KEYS=<new key>,<key> node key-rotation.mjs
//
// In a fleet, add the new key behind the old one everywhere before it becomes the first.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const keys = (process.env.SESSION_KEYS ?? '').split(',').map((key) => Buffer.from(key, 'base64'))

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  encryption: { keys },
  // What is in the cookie is in no document either.
  hashIds: true,
})
store.on('error', (error) => console.error(error.message))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
  }),
)
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.json({ views: req.session.views })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
