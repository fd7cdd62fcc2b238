// express-openid-connect with the store in place of its cookie: it has no Session, and saves whole sessions. By the
// entry of its name it keeps the rules all the same.
import assert from 'node:assert/strict'
import test from 'node:test'
import express from 'express'
import openid from 'express-openid-connect'
import { openidStore } from '../../lib/adapters/express-openid-connect.cjs'
import { Browser, serve } from '../express-support.mjs'
import { Visitor } from '../parallel-support.mjs'
import { database, openStore, until } from '../support.mjs'
import { follow } from './follow.mjs'
import { startRealm } from './keycloak-realm.mjs'
import { testRules } from './rules.mjs'

async function visit(t, storeOptions, adapt = (store) => store) {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, ...storeOptions })
  return { ...(await serveShop(t, adapt(store))), sessions, store }
}

/** Serves an application, and logs a browser in. */
async function serveShop(t, store, options) {
  const realm = await startRealm(t, 'shop')
  const app = express()
  // Its options have the origin of the application, which is known when that listens.
  const late = {}
  app.use((...args) => late.authenticate(...args))
  app.get('/', (req, res) => res.end(req.oidc.user?.sub ?? 'nobody'))
  const handlers = []
  app.post('/:number', async (req, res) => {
    const session = {
      get: (key) => req.appSession[key],
      set: (key, value) => void (req.appSession[key] = value),
      destroy: () => void (req.appSession = undefined),
    }
    res.json((await handlers[req.params.number]({ session })) ?? null)
  })
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
    ...options,
  })
  const before = Date.now()
  await follow(browser, '/login')
  const other = browser.clone()
  return { before, browser, handlers, realm }
}

testRules(async (t, store) => {
  const { browser, handlers } = await serveShop(t, openidStore(store))
  return new Visitor(browser, store, handlers)
})

test('with the entry a log-out holds, and the session lives as long as without', async (t) => {
  const { before, browser, sessions, store } = await visit(t, {}, openidStore)
  const { expires, session } = await sessions.findOne()
  assert.ok(expires.getTime() >= before + 599_000 && expires.getTime() <= Date.now() + 601_000)
  assert.deepEqual(Object.keys(session).sort(), ['cookie', 'data', 'header'])
  const { uat } = session.header
  await until(() => Date.now() / 1000 > uat + 1, 'the next second')
  assert.equal((await browser.get('/')).text, 'ada')
  const later = await sessions.findOne()
  assert.ok(later.session.header.uat > uat && later.expires > expires)
  assert.equal((await browser.get('/slow')).text, 'ok')
  assert.equal((await browser.clone().get('/')).text, 'nobody')
  assert.equal(await sessions.countDocuments(), 0)
  assert.deepEqual(
    store.events.map(({ name }) => name),
    ['discard'],
  )
})

test('a log-out at the provider ends the session, again and again', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const backchannelLogout = true
  const { browser, realm } = await serveShop(t, openidStore(store), { backchannelLogout })
  for (let time = 0; time < 2; time++) {
    await follow(browser, '/login')
    assert.equal((await browser.get('/')).text, 'ada')
    const now = Math.floor(Date.now() / 1000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const about = { iss: realm.issuer, sub: 'ada', aud: 'shop', iat: now, exp: now + 60 }
    const token = realm.tokenOf({ ...about, jti: `log-out ${time}`, events })
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = `logout_token=${token}`
    assert.equal((await browser.post('/backchannel-logout', form, body)).status, 204)
    assert.equal((await browser.get('/')).text, 'nobody')
  }
})

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
