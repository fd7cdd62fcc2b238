// express-openid-connect with the store in place of its cookie: it has no Session, and saves whole sessions.
import assert from 'node:assert/strict'
import test from 'node:test'
import express from 'express'
import openid from 'express-openid-connect'
import { Browser, serve } from '../express-support.mjs'
import { database, openStore } from '../support.mjs'
import { follow } from './follow.mjs'
import { startRealm } from './keycloak-realm.mjs'

async function visit(t, storeOptions) {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, ...storeOptions })
  const realm = await startRealm(t, 'shop')
  const app = express()
  // Its options have the origin of the application, which is known when that listens.
  const late = {}
  app.use((...args) => late.authenticate(...args))
  app.get('/', (req, res) => res.end(req.oidc.user?.sub ?? 'nobody'))
  // A request that takes until another one has logged out.
  app.get('/slow', async (_req, res) => {
    await other.get('/logout')
    res.end('ok')
  })
  const browser = new Browser(await serve(t, app))
  late.authenticate = openid.auth({
    authRequired: false,
    issuerBaseURL: realm.issuer,
    baseURL: browser.origin,
    clientID: 'shop',
    clientSecret: 'a secret of the client',
    secret: 'a secret of some thirty-two letters',
    authorizationParams: { response_type: 'code', response_mode: 'query', scope: 'openid' },
    idpLogout: false,
    session: { store, absoluteDuration: 3600, rollingDuration: 600 },
  })
  const before = Date.now()
  await follow(browser, '/login')
  const other = browser.clone()
  return { before, browser, sessions, store }
}

test('a session lives from log-in to log-out, for as long as express-openid-connect says', async (t) => {
  const { before, browser, sessions, store } = await visit(t)
  assert.equal((await browser.get('/')).text, 'ada')
  const { expires, session } = await sessions.findOne()
  assert.ok(expires.getTime() >= before + 599_000 && expires.getTime() <= Date.now() + 601_000)
  assert.ok('id_token' in session.data)
  await browser.get('/logout')
  assert.equal(await sessions.countDocuments(), 0)
  assert.equal((await browser.get('/')).text, 'nobody')
  assert.deepEqual(store.events, [])
})

test('a log-out holds against a request that was under way, with deleteFlags', async (t) => {
  const { browser } = await visit(t, { deleteFlags: true })
  assert.equal((await browser.get('/slow')).text, 'ok')
  assert.equal((await browser.clone().get('/')).text, 'nobody')
})

test('without, the request that was under way saves the session anew', async (t) => {
  const { browser } = await visit(t)
  assert.equal((await browser.get('/slow')).text, 'ok')
  assert.equal((await browser.get('/')).text, 'ada')
})
