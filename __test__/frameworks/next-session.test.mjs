// next-session, with the store as it is and by its own promisifyStore.
import assert from 'node:assert/strict'
import test from 'node:test'
import nextSession from 'next-session'
import { promisifyStore } from 'next-session/lib/compat'
import { Browser, serve } from '../express-support.mjs'
import { database, openStore } from '../support.mjs'

const sessionsOf = nextSession.default ?? nextSession

for (const [title, storeOf] of [
  ['as it is', (store) => store],
  ['by promisifyStore', promisifyStore],
]) {
  test(`a session lives from log-in to log-out (the store ${title})`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri })
    const getSession = sessionsOf({
      store: storeOf(store),
      cookie: { maxAge: 600 },
      touchAfter: 0,
    })
    const origin = await serve(t, async (req, res) => {
      const session = await getSession(req, res)
      if (req.url === '/login') session.user = 'ada'
      if (req.url === '/logout') await session.destroy()
      res.end(session.user ?? 'nobody')
    })
    const browser = new Browser(origin)
    assert.equal((await browser.get('/')).text, 'nobody')
    assert.equal(await sessions.countDocuments(), 0)

    const before = Date.now()
    await browser.get('/login')
    const document = await sessions.findOne()
    assert.equal(document.session.user, 'ada')
    assert.ok(document.expires.getTime() >= before + 600_000)
    assert.ok(document.expires.getTime() <= Date.now() + 600_000)

    assert.equal((await browser.get('/')).text, 'ada')
    const touched = await sessions.findOne()
    assert.ok(touched.expires >= document.expires, 'a visit touches')

    await browser.get('/logout')
    assert.equal(await sessions.countDocuments(), 0)
    assert.deepEqual(store.events, [])
  })
}
