// An application of Express with its browser: log-in, a new id, parallel requests, log-out.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import expressApplication from 'express'
import session from 'express-session'

/** Serves an application while `body` visits it: `visit(path)` keeps the cookies as a browser does. */
async function serve(store, options, body) {
  const app = expressApplication()
  const common = { secret: 'keyboard cat', resave: false, saveUninitialized: false }
  app.use(session({ ...common, ...options, store }))
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(req.session, { user: 'ada', since: new Date(5), views: 0 })
      res.send(req.sessionID)
    })
  })
  app.get('/', (req, res) => {
    const { user, since } = req.session
    if (user) req.session.views++
    res.send({ user, isDate: since instanceof Date, views: req.session.views, sid: req.sessionID })
  })
  app.get('/set/:key', (req, res) => {
    req.session[req.params.key] = true
    res.send({})
  })
  app.get('/keys', (req, res) => res.send(Object.keys(req.session)))
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send({})))
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let cookie = ''
  const visit = async (path) => {
    const headers = cookie ? { cookie } : {}
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers })
    assert.equal(response.status, 200, path)
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    return response.text()
  }
  try {
    await body(visit)
  } finally {
    server.closeAllConnections?.()
    await new Promise((resolve) => server.close(resolve))
  }
}

export const express = {
  async 'log-in, pages and log-out'({ open }) {
    const store = open()
    await serve(store, {}, async (visit) => {
      assert.equal(JSON.parse(await visit('/')).user, undefined)
      const sid = await visit('/login')
      for (const views of [1, 2, 3]) {
        assert.deepEqual(JSON.parse(await visit('/')), { user: 'ada', isDate: true, views, sid })
      }
      assert.deepEqual(await store.ids(), [sid])
      await visit('/logout')
      assert.equal(JSON.parse(await visit('/')).user, undefined)
      assert.equal(await store.length(), 0)
    })
  },

  async 'rolling sessions, and parallel requests of one browser'({ open }) {
    const store = open()
    await serve(store, { rolling: true, cookie: { maxAge: 60_000 } }, async (visit) => {
      await visit('/login')
      const keys = Array.from({ length: 10 }, (_, index) => `key${index}`)
      await Promise.all(keys.map((key) => visit(`/set/${key}`)))
      const found = JSON.parse(await visit('/keys'))
      assert.deepEqual(
        keys.filter((key) => !found.includes(key)),
        [],
      )
    })
  },
}
