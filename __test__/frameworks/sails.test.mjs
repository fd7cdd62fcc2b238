// Sails, whose configuration is a file of the application.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import sails from 'sails'
import { root } from '../../scripts/step.mjs'
import { Browser } from '../express-support.mjs'
import { database, freePort, watched } from '../support.mjs'

const ROUTES = {
  'POST /login'(req, res) {
    req.session.user = 'ada'
    res.send('welcome')
  },
  'GET /whoami': (req, res) => res.send(req.session.user ?? 'nobody'),
  'POST /logout': (req, res) =>
    req.session.destroy((error) => (error ? res.serverError(error) : res.send('bye'))),
}

/** Lifts an application with these lines about its store in config/session.js. */
async function visit(t, uri, lines) {
  const appPath = await mkdtemp(join(tmpdir(), 'mongodb-session-store-sails-'))
  t.after(() => rm(appPath, { recursive: true, force: true, maxRetries: 5 }))
  await mkdir(join(appPath, 'config'))
  await writeFile(
    join(appPath, 'config', 'session.js'),
    `const { MongoSessionStore } = require(${JSON.stringify(root)})
    const store = new MongoSessionStore({ uri: ${JSON.stringify(uri)} })
    module.exports.session = { secret: 'some secret', ${lines} }
    module.exports.mongodb = { store }`,
  )
  const app = new sails.Sails()
  const port = await freePort()
  const options = {
    ...{ appPath, port, routes: ROUTES, globals: false, log: { level: 'silent' } },
    ...{ environment: 'development', hooks: { grunt: false, orm: false } },
  }
  await promisify(app.lift).call(app, options)
  const { store } = app.config.mongodb
  watched(t, store)
  t.after(() => promisify(app.lower).call(app))
  return { app, store, browser: new Browser(`http://127.0.0.1:${port}`) }
}

test('a store in its configuration is the one that Sails uses, if the adapter is null', async (t) => {
  const { uri, sessions } = await database(t)
  const lines = 'adapter: null, store, resave: false, saveUninitialized: false'
  const { app, browser, store } = await visit(t, uri, lines)
  assert.equal(app.config.session.store, store)
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.equal(await sessions.countDocuments(), 0)
  await browser.post('/login')
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal((await sessions.findOne()).session.user, 'ada')
  const other = browser.clone()
  assert.equal((await browser.post('/logout')).text, 'bye')
  assert.equal((await other.get('/whoami')).text, 'nobody')
  assert.equal(await sessions.countDocuments(), 0)
  assert.deepEqual(store.events, [])
})

test('without that line Sails keeps its sessions in memory', async (t) => {
  const { uri, sessions } = await database(t)
  const { browser } = await visit(t, uri, 'store')
  await browser.post('/login')
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal(await sessions.countDocuments(), 0)
})
