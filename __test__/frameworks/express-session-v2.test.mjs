// The branch `v2` of express-session, which is not published: EXPRESS_SESSION_V2 names a folder with a copy of it.
import assert from 'node:assert/strict'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { startProgram } from '../program-support.mjs'
import { projectOf } from '../project-support.mjs'
import { root } from '../../scripts/step.mjs'
import { database } from '../support.mjs'

const { EXPRESS_SESSION_V2: copy } = process.env

const PROGRAM = `
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({ uri: process.env.MONGODB_URI })
const app = express()
app.use(session({ secret: 'some secret', store, saveUninitialized: false, rolling: true, cookie: { maxAge: 60_000 } }))
app.get('/', (req, res) => res.end(req.session.user ?? 'nobody'))
app.post('/login', (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.user = 'ada'
    req.session.since = new Date()
    res.end()
  })
})
// A request that changes one thing while another changes something else.
app.post('/slow', async (req, res) => {
  req.session.slow = true
  await fetch('http://127.0.0.1:' + process.env.PORT + '/quick', { method: 'POST', headers: { cookie: req.headers.cookie } })
  res.end()
})
app.post('/quick', (req, res) => {
  req.session.quick = true
  res.end()
})
app.post('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())))
app.listen(Number(process.env.PORT))
`

const reason = copy
  ? false
  : 'EXPRESS_SESSION_V2 names no copy of the branch, which npm does not have'

test('a session lives from log-in to log-out', { skip: reason }, async (t) => {
  const { uri, sessions } = await database(t)
  const folder = await projectOf(t, {
    links: [
      'express',
      'cookie',
      'cookie-signature',
      'debug',
      'depd',
      'on-headers',
      'parseurl',
      'uid-safe',
      'ms',
    ],
    manifest: { type: 'module', private: true },
  })
  const place = join(folder, 'node_modules', 'express-session')
  await rm(place)
  // What the published version needs is what the branch needs.
  await cp(join(root, 'node_modules', 'express-session'), place, { recursive: true })
  await cp(copy, place, { recursive: true })
  await writeFile(join(folder, 'app.mjs'), PROGRAM)
  const program = await startProgram(t, join(folder, 'app.mjs'), { MONGODB_URI: uri })
  assert.equal(await program.served(), true, program.output())
  const { browser } = program

  await browser.post('/login')
  assert.equal((await browser.get('/')).text, 'ada', program.output())
  const { session, expires } = await sessions.findOne()
  assert.ok(session.since instanceof Date)
  await browser.post('/slow')
  const later = await sessions.findOne()
  assert.deepEqual([later.session.slow, later.session.quick], [true, true])
  assert.ok(later.expires > expires, 'rolling moves the expiry')
  await browser.post('/logout')
  assert.equal(await sessions.countDocuments(), 0)
  assert.equal((await browser.get('/')).text, 'nobody')
})
