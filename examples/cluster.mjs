// Several processes with the same sessions: it does not matter which of them answers.
import cluster from 'node:cluster'
import process from 'node:process'
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const WORKERS = 2

if (cluster.isPrimary) {
  for (let index = 0; index < WORKERS; index++) cluster.fork()
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGTERM')
  })
} else {
  // In the workers only: a store of the primary would hold connections for nobody.
  const store = new MongoSessionStore({
    uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  })
  store.on('error', (error) => console.error(error.message))

  const app = express()
  app.use(
    session({
      // The same in every process, or they would refuse each other's cookies.
      secret: process.env.SESSION_SECRET ?? 'a secret of your own',
      store,
      resave: false,
      saveUninitialized: false,
    }),
  )
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.json({ views: req.session.views, worker: cluster.worker.id })
  })

  const server = app.listen(process.env.PORT ?? 3000)
  process.once('SIGTERM', () => {
    server.close(async () => {
      await store.close()
      cluster.worker.disconnect()
    })
    // Browsers keep connections open, and a server waits for them.
    server.closeAllConnections()
  })
}
