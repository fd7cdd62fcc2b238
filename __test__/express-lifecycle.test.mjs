// express-session as the judge: what an application does with req.session.
import assert from 'node:assert/strict'
import { cookieOf, nextMillisecond, onEveryApp } from './express-support.mjs'

/** What most tests need: a way to log in, and to see who is. */
function login(app) {
  app.post('/login/:name', (req, res) => {
    req.session.user = req.params.name
    res.send('welcome')
  })
  app.get('/whoami', (req, res) => res.send(req.session.user ?? 'nobody'))
}

onEveryApp('who has logged in is known at the next request', async (t, { visit, witness }) => {
  const browser = await visit({}, login)
  const { cookie } = await browser.post('/login/ada')
  assert.equal(cookie.name, 'connect.sid')
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal((await browser.get('/whoami')).cookie, undefined, 'the cookie is not set again')
  assert.deepEqual(await witness.data(browser.sid()), { user: 'ada' })
  assert.equal(await witness.count(), 1)
})

onEveryApp('two browsers have a session each', async (t, { visit, witness }) => {
  const ada = await visit({}, login)
  await ada.post('/login/ada')
  const bob = ada.clone()
  bob.cookies.clear()
  await bob.post('/login/bob')
  assert.equal((await ada.get('/whoami')).text, 'ada')
  assert.equal((await bob.get('/whoami')).text, 'bob')
  assert.equal(await witness.count(), 2)
})

onEveryApp('a session is in the database when the response has ended', async (t, world) => {
  const browser = await world.visit({}, login)
  for (const name of ['ada', 'bob', 'eve']) {
    await browser.post(`/login/${name}`)
    assert.deepEqual(await world.witness.data(browser.sid()), { user: name })
  }
})

onEveryApp('a regenerated session has a new id, and the old one is gone', async (t, world) => {
  const browser = await world.visit({}, (app) => {
    login(app)
    app.post('/safe-login', (req, res, next) => {
      req.session.regenerate((error) => {
        if (error) return next(error)
        req.session.user = 'ada'
        res.send('welcome')
      })
    })
  })
  await browser.post('/login/guest')
  const attacker = browser.clone()

  const { cookie } = await browser.post('/safe-login')
  assert.notEqual(cookie, undefined)
  assert.notEqual(browser.sid(), attacker.sid())
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal(
    (await attacker.get('/whoami')).text,
    'nobody',
    'the id from before is worth nothing',
  )
  assert.equal(await world.witness.has(attacker.sid()), false)
  assert.equal(await world.witness.count(), 1)
})

onEveryApp('an id that no session has is not adopted', async (t, { visit, witness }) => {
  const browser = await visit({}, login)
  browser.keep(cookieOf('chosen-by-an-attacker'))
  const { cookie } = await browser.post('/login/ada')
  assert.notEqual(cookie, undefined)
  assert.notEqual(browser.sid(), 'chosen-by-an-attacker')
  assert.equal(await witness.has('chosen-by-an-attacker'), false)
})

onEveryApp('req.session.save writes before the response', async (t, { visit, witness }) => {
  const browser = await visit({}, (app) => {
    app.post('/', (req, res, next) => {
      req.session.step = 1
      req.session.save(async (error) => {
        if (error) return next(error)
        const saved = await witness.data(req.sessionID)
        req.session.step = 2
        res.json(saved)
      })
    })
  })
  assert.equal((await browser.post('/')).text, '{"step":1}')
  assert.deepEqual(await witness.data(browser.sid()), { step: 2 })
})

onEveryApp('req.session.reload drops what was not saved', async (t, { visit, witness }) => {
  const browser = await visit({}, (app) => {
    login(app)
    app.post('/reload', (req, res, next) => {
      req.session.user = 'not saved'
      req.session.more = true
      req.session.reload((error) => {
        if (error) return next(error)
        const reloaded = req.session.user
        req.session.reloaded = true
        res.send(reloaded)
      })
    })
  })
  await browser.post('/login/ada')
  assert.equal((await browser.post('/reload')).text, 'ada')
  assert.deepEqual(await witness.data(browser.sid()), { user: 'ada', reloaded: true })
})

onEveryApp('req.session.reload shows what another request has saved', async (t, { visit }) => {
  const browser = await visit({}, (app) => {
    login(app)
    app.get('/reload', async (req, res, next) => {
      await browser.clone().post('/login/bob')
      req.session.reload((error) => {
        if (error) return next(error)
        res.send(req.session.user)
      })
    })
  })
  await browser.post('/login/ada')
  assert.equal((await browser.get('/reload')).text, 'bob')
})

onEveryApp('a reload fails when the session is gone', async (t, { visit, store }) => {
  const browser = await visit({}, (app) => {
    login(app)
    app.get('/reload', async (req, res) => {
      await store.destroy(req.sessionID)
      req.session.reload((error) => res.status(500).send(error.message))
    })
  })
  await browser.post('/login/ada')
  const { status, text } = await browser.get('/reload')
  assert.equal(status, 500)
  assert.equal(text, 'failed to load session')
})

onEveryApp('a destroyed session is gone, and its cookie is worth nothing', async (t, world) => {
  const browser = await world.visit({}, (app) => {
    login(app)
    app.post('/logout', (req, res, next) => {
      req.session.destroy((error) => {
        if (error) return next(error)
        res.send(String(req.session))
      })
    })
  })
  await browser.post('/login/ada')
  const sid = browser.sid()
  assert.equal((await browser.post('/logout')).text, 'undefined')
  assert.equal(await world.witness.has(sid), false)
  assert.equal((await browser.get('/whoami')).text, 'nobody')

  await browser.post('/login/bob')
  assert.notEqual(browser.sid(), sid)
  assert.equal(await world.witness.count(), 1)
})

onEveryApp('a request that only reads moves the expiry alone', async (t, world) => {
  const browser = await world.visit({ cookie: { maxAge: 60_000 } }, login)
  await browser.post('/login/ada')
  const sid = browser.sid()
  const before = await world.witness.expires(sid)
  const document = await world.sessions?.findOne({ _id: sid })

  await nextMillisecond()
  await browser.get('/whoami')
  assert.ok((await world.witness.expires(sid)) > before)
  assert.deepEqual(await world.witness.data(sid), { user: 'ada' })
  assert.deepEqual((await world.sessions?.findOne({ _id: sid }))?.session, document?.session)
})

onEveryApp('what a session holds comes back with its types', async (t, { visit, store }) => {
  const values = {
    since: new Date(0),
    key: Buffer.from('key'),
    nested: { 'a.b': [null, { $c: 1 }] },
  }
  const found = {}
  const browser = await visit({}, (app) => {
    app.post('/', (req, res) => {
      Object.assign(req.session, values)
      res.end()
    })
    app.get('/', (req, res) => {
      const { cookie: _cookie, ...data } = req.session
      Object.assign(found, data)
      res.end()
    })
  })
  await browser.post('/')
  await browser.get('/')
  assert.deepEqual(found, values)
  assert.deepEqual(store.events, [])
})

onEveryApp('a key that is deleted from a session stays deleted', async (t, { visit, witness }) => {
  const browser = await visit({}, (app) => {
    login(app)
    app.post('/forget', (req, res) => {
      delete req.session.user
      req.session.forgotten = true
      res.end()
    })
  })
  await browser.post('/login/ada')
  await browser.post('/forget')
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.deepEqual(await witness.data(browser.sid()), { forgotten: true })
})
