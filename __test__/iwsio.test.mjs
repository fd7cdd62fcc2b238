// Moving from @iwsio/mongodb-express-session, the real package: nobody is logged out.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore as PeerStore } from '@iwsio/mongodb-express-session'
import express from 'express'
import { Browser, serve, sessionOf } from './express-support.mjs'
import { database, openStore, until } from './support.mjs'

const DAY = 86_400_000

/** Tells when its index has been created. */
class Peer extends PeerStore {
  checkIndexes() {
    return (this.indexed = super.checkIndexes())
  }
}

/** The store of the peer, connected. */
async function openPeer(t, options) {
  const store = new Peer(options)
  store.on('error', (error) => assert.fail(error))
  t.after(() => store.client.close())
  await until(() => store.connected, 'the connection of the peer')
  // Or the end of the test could come between, which is an error to it.
  await store.indexed
  return store
}

/** An app in which a user logs in, fills a cart and logs out, on a store. */
async function shop(t, store, options = { rolling: true, cookie: { maxAge: DAY } }) {
  const app = express()
  app.use(sessionOf(store, options))
  app.get('/login/:user', (req, res) => {
    req.session.regenerate((error) => {
      if (error) return res.status(500).end()
      req.session.user = { name: req.params.user, since: new Date(0) }
      req.session.cart = []
      res.send(`hello ${req.params.user}`)
    })
  })
  app.get('/buy/:thing', (req, res) => {
    if (!req.session.user) return res.status(401).end()
    req.session.cart.push(req.params.thing)
    res.json(req.session.cart)
  })
  app.get('/me', (req, res) => {
    const { user, cart, cookie } = req.session
    res.json(user ? { user, cart, lives: cookie.maxAge > DAY - 60_000 } : null)
  })
  app.get('/logout', (req, res) => req.session.destroy(() => res.end()))
  return serve(t, app)
}

/** Moves a browser with its cookies to another app. */
function move(browser, origin) {
  browser.origin = origin
  return browser
}

/** The same deployment of old and new processes, with one database and one secret. */
async function fleet(t, options) {
  const { uri, sessions } = await database(t)
  const peer = await openPeer(t, { uri })
  const store = openStore(t, { uri })
  const [old, ours] = await Promise.all([shop(t, peer, options), shop(t, store, options)])
  return { old, ours, sessions, store }
}

const ADA = { user: { name: 'ada', since: '1970-01-01T00:00:00.000Z' } }

/** Whoever has bought tea is still logged in, and buys milk in the same session. */
async function goesOn(browser, sid) {
  assert.deepEqual(JSON.parse((await browser.get('/me')).text), {
    ...ADA,
    cart: ['tea'],
    lives: true,
  })
  assert.deepEqual(JSON.parse((await browser.get('/buy/milk')).text), ['tea', 'milk'])
  assert.equal(browser.sid(), sid)
}

test('who logged in before the change stays logged in, and goes on with the same session', async (t) => {
  const { old, ours, sessions, store } = await fleet(t)
  const browser = new Browser(old)
  await browser.get('/login/ada')
  await browser.get('/buy/tea')
  const sid = browser.sid()

  move(browser, ours)
  await goesOn(browser, sid)
  const [document, ...others] = await sessions.find().toArray()
  assert.deepEqual(others, [])
  assert.equal(document._id, sid)
  assert.deepEqual(document.session.cart, ['tea', 'milk'])
  assert.deepEqual(document.session.user.since, new Date(0))
  await browser.get('/logout')
  assert.equal(await sessions.countDocuments(), 0)
  assert.deepEqual(store.events, [])
})

test('the change can be taken back, and nobody is logged out by that either', async (t) => {
  const { old, ours, sessions } = await fleet(t)
  const browser = new Browser(ours)
  await browser.get('/login/ada')
  await browser.get('/buy/tea')
  const sid = browser.sid()

  move(browser, old)
  await goesOn(browser, sid)
  assert.deepEqual((await sessions.findOne({ _id: sid })).session.cart, ['tea', 'milk'])
  await browser.get('/logout')
  assert.equal(await sessions.countDocuments(), 0)
})

for (const [what, options] of [
  ['rolling sessions', { rolling: true, cookie: { maxAge: DAY } }],
  ['sessions that are saved by every request', { resave: true, cookie: { maxAge: DAY } }],
  ['cookies without expiry', {}],
]) {
  test(`old and new processes take turns, with ${what}`, async (t) => {
    const { old, ours, sessions, store } = await fleet(t, options)
    const browser = new Browser(old)
    await browser.get('/login/ada')
    const things = []
    for (let turn = 0; turn < 6; turn++) {
      move(browser, turn % 2 === 0 ? ours : old)
      things.push(`thing${turn}`)
      assert.deepEqual(JSON.parse((await browser.get(`/buy/thing${turn}`)).text), things)
    }
    const [document, ...others] = await sessions.find().toArray()
    assert.deepEqual(others, [])
    assert.deepEqual(Object.keys(document), ['_id', 'expires', 'session'])
    assert.deepEqual(Object.keys(document.session), ['cookie', 'user', 'cart'])
    assert.deepEqual(document.session.cart, things)
    const lifetime = document.expires.getTime() - Date.now()
    assert.ok(lifetime > DAY - 60_000 && lifetime <= DAY, `lives ${lifetime} ms`)
    assert.deepEqual(store.events, [])
  })
}

test('one index serves both', async (t) => {
  const { ours, sessions, store } = await fleet(t)
  await new Browser(ours).get('/login/ada')
  const indexes = await until(async () => {
    const indexes = await sessions.indexes()
    return indexes.length > 1 && indexes
  }, 'the index')
  assert.deepEqual(
    indexes.map(({ name }) => name),
    ['_id_', 'expires_1'],
  )
  assert.deepEqual(store.events, [])
})

test('a prefix given to the peer has to go, as it is not in what the peer has stored', async (t) => {
  const { uri, sessions } = await database(t)
  const peer = await openPeer(t, { uri, prefix: 'app:' })
  const browser = new Browser(await shop(t, peer))
  await browser.get('/login/ada')
  assert.equal((await sessions.findOne())._id, browser.sid())
  move(browser, await shop(t, openStore(t, { uri, prefix: 'app:' })))
  assert.equal((await browser.get('/me')).text, 'null')
  move(browser, await shop(t, openStore(t, { uri })))
  assert.equal(JSON.parse((await browser.get('/me')).text).user.name, 'ada')
})
