// keycloak-connect, which keeps its tokens in the session and ends sessions by the ids that it was told.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import express from 'express'
import Keycloak from 'keycloak-connect'
import { root } from '../../scripts/step.mjs'
import { Browser, serve, sessionOf } from '../express-support.mjs'
import { database, openStore, until } from '../support.mjs'
import { follow } from './follow.mjs'
import { startRealm } from './keycloak-realm.mjs'

async function visit(t, beforeKeycloak = (_req, _res, next) => next()) {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const realm = await startRealm(t, 'shop')
  const keycloak = new Keycloak(
    { store },
    {
      realm: 'test',
      'auth-server-url': realm.origin,
      'ssl-required': 'none',
      resource: 'shop',
      credentials: { secret: 'a secret of the client' },
      'confidential-port': 0,
    },
  )
  const app = express()
  app.use(sessionOf(store))
  app.use(beforeKeycloak)
  app.use(keycloak.middleware({ logout: '/logout', admin: '/' }))
  app.get('/cart', (req, res) => {
    req.session.cart = 'full'
    res.end('ok')
  })
  app.get('/', keycloak.protect(), (req, res) => {
    res.end(req.kauth.grant.access_token.content.preferred_username)
  })
  const browser = new Browser(await serve(t, app))
  return { browser, realm, sessions, store }
}

test('a log-in keeps its tokens in the session; a log-out leaves the session without them', async (t) => {
  const { browser, sessions } = await visit(t)
  assert.equal(await follow(browser, '/'), 'ada')
  assert.equal(await follow(browser, '/cart'), 'ok')
  const sid = browser.sid()
  const { session } = await sessions.findOne({ _id: sid })
  assert.ok('keycloak-token' in session)
  assert.equal(await follow(browser, '/'), 'ada')

  // The realm has no page for it; what counts is what happened here before.
  await browser.get('/logout')
  const after = await sessions.findOne({ _id: sid })
  assert.deepEqual(['keycloak-token' in after.session, after.session.cart], [false, 'full'])
})

test('what docs/frameworks.md has for it ends the session at a log-out', async (t) => {
  const page = await readFile(join(root, 'docs', 'frameworks.md'), 'utf8')
  const [, body] = /^app\.use\('\/logout', (\(req, _res, next\) => \{\n[^]*?^\})\)$/m.exec(page)
  const end = new Function(`return ${body}`)()
  const { browser, sessions } = await visit(t, (req, res, next) => {
    return req.path === '/logout' ? end(req, res, next) : next()
  })
  await follow(browser, '/')
  await follow(browser, '/cart')
  const sid = browser.sid()
  const { status } = await browser.get('/logout')
  assert.equal(status, 302, 'keycloak-connect sends the browser to the log-out of Keycloak')
  assert.equal(await sessions.findOne({ _id: sid }), null)
  const left = await sessions.find().toArray()
  assert.deepEqual(
    left.filter(({ session }) => 'keycloak-token' in session || 'cart' in session),
    [],
  )
})

test('a log-out by the administration of Keycloak takes the tokens out of the sessions that it names', async (t) => {
  const { browser, realm, sessions, store } = await visit(t)
  await follow(browser, '/')
  const sid = browser.sid()
  const now = Math.floor(Date.now() / 1000)
  const token = realm.tokenOf({
    action: 'LOGOUT',
    adapterSessionIds: [sid],
    resource: 'shop',
    iss: realm.issuer,
    iat: now,
    exp: now + 60,
  })
  const { text } = await browser.post('/k_logout', { 'content-type': 'text/plain' }, token)
  assert.equal(text, 'ok')
  await until(async () => {
    const { session } = await sessions.findOne({ _id: sid })
    return !('keycloak-token' in session)
  }, 'the tokens to be gone')
  assert.deepEqual(store.events, [])
})
