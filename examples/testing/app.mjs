// The application that the tests of this folder test. The store is an argument: MongoDB in production, `memory:` in a
// test, which is the same store on an engine without a server.
import express from 'express'
import session from 'express-session'

export function createApp(store) {
  const app = express()
  app.use(session({ secret: 'a secret', store, resave: false, saveUninitialized: false }))
  app.post('/login/:name', (req, res) => {
    req.session.user = req.params.name
    res.json({ user: req.session.user })
  })
  app.get('/', (req, res) => res.json({ user: req.session.user ?? null }))
  return app
}

/** Serves an application on a free port of this machine, and returns its address and what ends it. */
export async function serve(app) {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections())
  return { origin: `http://127.0.0.1:${server.address().port}`, close }
}
