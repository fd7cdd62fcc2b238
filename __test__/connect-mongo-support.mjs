// What the tests of the adapter for connect-mongo share: stores of either side, and an app to log in.
import { createRequire } from 'node:module'
import ConnectMongo from 'connect-mongo'
import express from 'express'
import session from 'express-session'
import { MongoClient } from 'mongodb'
import { MongoStore } from '../lib/adapters/connect-mongo.mjs'
import { Browser, serve, sessionOf } from './express-support.mjs'
import { until, watched } from './support.mjs'

const require = createRequire(import.meta.url)

/** A store of the adapter, as `openStore` opens one. */
export function openAdapter(t, options) {
  // What only version 3 has is given in its form.
  const isOld = Boolean(options.secret || options.collection)
  return watched(t, isOld ? new (MongoStore(session))(options) : MongoStore.create(options))
}

/** A client of the application's own. */
export async function newClient(t, uri) {
  const client = await MongoClient.connect(uri)
  t.after(() => client.close())
  return client
}

/** A store of connect-mongo 6. */
export async function openConnectMongo(t, { mongoUrl, ...options }) {
  const store = ConnectMongo.create({ client: await newClient(t, mongoUrl), ...options })
  // Its index is created before the database is dropped after the test.
  await store.collectionP
  return store
}

/** A store of connect-mongo 3, with the driver of its time. */
export async function openConnectMongo3(t, { mongoUrl, ...options }) {
  const OldStore = require('connect-mongo3')(session)
  const store = new OldStore({ url: mongoUrl, ...options })
  t.after(() => store.close())
  await until(() => store.state === 'connected', 'connect-mongo 3 to connect')
  return store
}

/** Serves an app in which one can log in and out and count, and answers its origin. */
export function serveLogin(t, store, options = { cookie: { maxAge: 3_600_000 } }) {
  const app = express()
  app.use(sessionOf(store, options))
  app.post('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session.user = { name: req.query.name, roles: ['reader', 'writer'] }
      req.session.visits = 0
      res.send('hello')
    })
  })
  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send('bye')))
  })
  app.get('/', (req, res) => {
    const { user } = req.session
    if (user === undefined) return res.send('nobody')
    req.session.visits += 1
    res.send(`${user.name} ${user.roles.join('+')} ${req.session.visits}`)
  })
  app.get('/look', (req, res) => res.json(req.session))
  return serve(t, app)
}

/** The same browser at the door of another app, as behind a load balancer. */
export function at(origin, browser) {
  const other = new Browser(origin)
  other.cookies = browser.cookies
  return other
}
