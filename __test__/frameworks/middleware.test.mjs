// express-session in each framework that takes middleware of (req, res, next).
import assert from 'node:assert/strict'
import test from 'node:test'
import { Browser, serve, sessionOf } from '../express-support.mjs'
import { database, openStore } from '../support.mjs'
import { FRAMEWORKS } from './apps.mjs'

async function visit(t, framework, options = { rolling: true, cookie: { maxAge: 60_000 } }) {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const origin = await serve(t, FRAMEWORKS[framework](sessionOf(store, options)))
  return { store, sessions, browser: new Browser(origin) }
}

for (const framework of Object.keys(FRAMEWORKS)) {
  test(`${framework}: a session lives from log-in to log-out`, async (t) => {
    const { browser, sessions, store } = await visit(t, framework)
    assert.equal((await browser.get('/whoami')).text, 'nobody')
    assert.equal(await sessions.countDocuments(), 0)

    assert.equal((await browser.post('/login')).text, 'welcome')
    const document = await sessions.findOne()
    assert.deepEqual([document._id, document.session.user], [browser.sid(), 'ada'])

    const { text, cookie } = await browser.get('/whoami')
    assert.equal(text, 'ada')
    assert.notEqual(cookie, undefined, 'rolling sends the cookie again')

    assert.equal((await browser.post('/logout')).text, 'bye')
    assert.equal(await sessions.countDocuments(), 0)
    assert.equal((await browser.get('/whoami')).text, 'nobody')
    assert.deepEqual(store.events, [])
  })

  test(`${framework}: a regenerated session has another id`, async (t) => {
    const { browser, sessions } = await visit(t, framework, {})
    await browser.post('/login')
    const before = browser.sid()
    assert.equal((await browser.post('/regenerate')).text, 'renewed')
    assert.notEqual(browser.sid(), before)
    assert.equal((await browser.get('/whoami')).text, 'ada')
    assert.deepEqual(await sessions.distinct('_id'), [browser.sid()])
  })

  test(`${framework}: an answer comes behind its session, so the next request sees it`, async (t) => {
    const { browser, store } = await visit(t, framework, {})
    const { set } = store
    store.set = (...args) => setTimeout(() => set.apply(store, args), 100)
    await browser.post('/login')
    for (let visits = 0; visits < 5; visits++) {
      assert.equal((await browser.post('/cart')).text, 'ok')
      assert.equal((await browser.get('/whoami')).text, 'ada')
    }
  })

  test(`${framework}: an error of the store is an error of the request`, async (t) => {
    const { browser, store } = await visit(t, framework, {})
    await browser.post('/login')
    await store.close()
    const { status, text } = await browser.get('/whoami')
    assert.equal(status, 500)
    assert.match(text, /the session store is closed/)
  })
}
