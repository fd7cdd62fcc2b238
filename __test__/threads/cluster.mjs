// Two processes that serve one application on one port, until the first one is told to stop.
import cluster from 'node:cluster'
import { once } from 'node:events'
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from '../../index.mjs'

const [uri] = process.argv.slice(2)

if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()]
  const [[{ port }]] = await Promise.all(workers.map((worker) => once(worker, 'listening')))
  console.log(`http://127.0.0.1:${port}`)
  process.once('SIGTERM', async () => {
    const exits = workers.map((worker) => once(worker, 'exit'))
    for (const worker of workers) worker.send('stop')
    const codes = (await Promise.all(exits)).map(([code, signal]) => signal ?? code)
    console.log(`exited with ${codes}`)
    process.exit(0)
  })
} else {
  const store = new MongoSessionStore({ uri })
  const app = express()
  app.use(session({ secret: 'secret', store, resave: false, saveUninitialized: false }))
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    // The next request makes a connection of its own, which may go to the other process.
    res.set('Connection', 'close')
    res.json({ worker: cluster.worker.id, views: req.session.views })
  })
  const server = app.listen(0, '127.0.0.1')
  process.once('message', async () => {
    server.close()
    await once(server, 'close')
    await store.close()
    process.disconnect()
  })
}
