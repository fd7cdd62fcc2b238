// At SIGTERM: no new requests, those under way end and save their sessions, then the store closes.
import express from 'express'
import session from 'express-session'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
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
app.get('/slow', async (req, res) => {
  req.session.slow = true
  await sleep(1000)
  res.json({ slow: req.session.slow })
})

const server = app.listen(process.env.PORT ?? 3000)

async function shutDown() {
  const closed = new Promise((resolve) => server.close(resolve))
  // Connections that browsers keep open without a request; those with one end after their answer.
  server.closeIdleConnections()
  await closed
  // What was saved without waiting is written before this is done.
  await store.close()
  console.log('closed')
}

process.once('SIGTERM', shutDown)
process.once('SIGINT', shutDown)
