// An app in a process of its own, for the tests with several processes; see startApp.
import { once } from 'node:events'
import express from 'express'
import { MongoSessionStore } from '../index.mjs'
import { sessionOf } from './express-support.mjs'

const store = new MongoSessionStore(JSON.parse(process.argv[2]))
store.on('discard', (sid) => process.send({ discard: sid }))

const app = express()
app.set('env', 'test')
app.use(sessionOf(store))

/** Holds the session until the parties at each URL of `meet` are complete, then changes it. */
app.post('/change', async (req, res) => {
  const { meet = [], set = {}, unset = [] } = JSON.parse(decodeURIComponent(req.url.split('?')[1]))
  for (const point of meet) await fetch(point)
  Object.assign(req.session, set)
  for (const key of unset) delete req.session[key]
  res.end()
})

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.end()))
})

app.post('/regenerate', (req, res, next) => {
  req.session.regenerate((error) => (error ? next(error) : res.end()))
})

app.post('/clear', async (req, res) => {
  await store.clear()
  res.end()
})

const server = app.listen(0, '127.0.0.1')
// A connection that is kept alive is not to end between two requests of a slow machine.
server.keepAliveTimeout = 0
await once(server, 'listening')
process.send({ port: server.address().port })

process.once('disconnect', async () => {
  server.closeAllConnections()
  server.close()
  await store.close()
})
