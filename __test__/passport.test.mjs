// Passport as the judge: login and logout, which regenerate the session and save it in between.
import assert from 'node:assert/strict'
import { Passport } from 'passport'
import { Strategy as LocalStrategy } from 'passport-local'
import { onEveryApp, onMongodb, originalMaxAge } from './express-support.mjs'

const LOGIN = '/login?username=ada&password=swordfish'

/** Adds logins to an app, `users` being those that there are, and what its visitors do. */
function routes(app, users = new Map([['ada', { id: 17, name: 'ada', password: 'swordfish' }]])) {
  const passport = new Passport()
  passport.use(
    new LocalStrategy((name, password, done) => {
      const user = users.get(name)
      if (user?.password === password) return done(null, user)
      done(null, false, { message: 'wrong name or password' })
    }),
  )
  passport.serializeUser((user, done) => done(null, user.id))
  passport.deserializeUser((id, done) => {
    done(null, [...users.values()].find((user) => user.id === id) ?? false)
  })

  app.use(passport.session())
  app.get('/whoami', (req, res) => res.send(req.isAuthenticated() ? req.user.name : 'nobody'))
  app.post('/cart/:item', (req, res) => {
    req.session.cart = [...(req.session.cart ?? []), req.params.item]
    res.end()
  })
  app.get('/cart', (req, res) => res.json(req.session.cart ?? []))
  const login = (options) => passport.authenticate('local', options)
  app.post('/login', login({ failureRedirect: '/login', failureMessage: true }), (req, res) => {
    res.send(`welcome, ${req.user.name}`)
  })
  app.post('/login-and-keep', login({ keepSessionInfo: true }), (req, res) => res.end())
  app.get('/login', (req, res) => {
    const messages = req.session.messages ?? []
    delete req.session.messages
    res.json(messages)
  })
  for (const [path, options] of [
    ['/logout', {}],
    ['/logout-and-keep', { keepSessionInfo: true }],
  ]) {
    app.post(path, (req, res, next) => {
      req.logout(options, (error) => (error ? next(error) : res.end()))
    })
  }
}

onEveryApp('who has logged in is known until the logout (Passport)', async (t, world) => {
  const browser = await world.visit({}, routes)
  assert.equal((await browser.post(LOGIN)).text, 'welcome, ada')
  const sid = browser.sid()
  assert.deepEqual(await world.witness.data(sid), { passport: { user: 17 } })
  assert.equal((await browser.get('/whoami')).text, 'ada')

  const before = browser.clone()
  await browser.post('/logout')
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.equal((await before.get('/whoami')).text, 'nobody', 'the id from before is worth nothing')
  assert.equal(await world.witness.has(sid), false)
  assert.deepEqual(world.store.events, [])
})

onMongodb('a login ends the session from before it (Passport)', async (t, world) => {
  const browser = await world.visit({}, routes)
  await browser.post('/cart/apple')
  const attacker = browser.clone()
  await browser.post(LOGIN)
  assert.notEqual(browser.sid(), attacker.sid())
  assert.equal((await attacker.get('/whoami')).text, 'nobody')
  assert.equal((await browser.get('/cart')).text, '[]')
  assert.deepEqual(await world.sessions.distinct('_id'), [browser.sid()])
})

onMongodb('a login with keepSessionInfo takes the session along (Passport)', async (t, world) => {
  const browser = await world.visit({ cookie: { maxAge: 60_000 } }, routes)
  await browser.post('/cart/apple')
  const guest = browser.clone()
  await browser.post(LOGIN.replace('login', 'login-and-keep'))
  assert.notEqual(browser.sid(), guest.sid())
  const document = await world.sessions.findOne()
  assert.deepEqual(document, {
    _id: browser.sid(),
    expires: document.expires,
    session: {
      cookie: {
        path: '/',
        _expires: document.expires,
        originalMaxAge: originalMaxAge(document.session.cookie, 60_000),
        httpOnly: true,
      },
      cart: ['apple'],
      passport: { user: 17 },
    },
  })
  assert.equal(await world.witness.count(), 1)

  await browser.post('/cart/pear')
  assert.equal((await browser.get('/cart')).text, '["apple","pear"]')
  assert.equal((await browser.get('/whoami')).text, 'ada')
})

onMongodb('a logout drops the session, or keeps all but the user (Passport)', async (t, world) => {
  for (const [path, kept] of [
    ['/logout', {}],
    ['/logout-and-keep', { cart: ['apple'], passport: {} }],
  ]) {
    const browser = await world.visit({}, routes)
    await browser.post(LOGIN)
    await browser.post('/cart/apple')
    const sid = browser.sid()
    await browser.post(path)
    assert.equal((await browser.get('/whoami')).text, 'nobody')
    assert.deepEqual(JSON.parse((await browser.get('/cart')).text), kept.cart ?? [])
    assert.equal(await world.witness.has(sid), false)
    assert.deepEqual(await world.witness.data(browser.sid()), kept)
  }
})

onMongodb('a failed login shows its message once (Passport)', async (t, { visit, witness }) => {
  const browser = await visit({}, routes)
  const { status } = await browser.post('/login?username=ada&password=wrong')
  assert.equal(status, 302)
  const messages = ['wrong name or password']
  assert.deepEqual(await witness.data(browser.sid()), { messages })
  assert.deepEqual(JSON.parse((await browser.get('/login')).text), messages)
  assert.deepEqual(JSON.parse((await browser.get('/login')).text), [])
  assert.deepEqual(await witness.data(browser.sid()), {})
})

onMongodb('a user that is no more is logged out (Passport)', async (t, { visit, witness }) => {
  const users = new Map([['ada', { id: 17, name: 'ada', password: 'swordfish' }]])
  const browser = await visit({}, (app) => routes(app, users))
  await browser.post(LOGIN)
  await browser.post('/cart/apple')
  users.clear()
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.deepEqual(await witness.data(browser.sid()), { passport: {}, cart: ['apple'] })
})

/** A request that holds the session while the same browser sends another one. */
function slow(app, browser, path) {
  app.post('/slow', async (req, res) => {
    req.session.late = true
    await browser().post(path)
    res.end()
  })
}

for (const path of ['/logout', '/logout-and-keep']) {
  onMongodb(`${path}: a slow request does not undo it (Passport)`, async (t, world) => {
    const browser = await world.visit({}, (app) => {
      routes(app)
      slow(app, () => other, path)
    })
    await browser.post(LOGIN)
    await browser.post('/cart/apple')
    const other = browser.clone()
    const sid = browser.sid()
    assert.equal((await browser.post('/slow')).status, 200)
    assert.equal((await browser.get('/whoami')).text, 'nobody')
    assert.equal((await other.get('/whoami')).text, 'nobody')
    assert.equal(await world.witness.has(sid), false)
    assert.deepEqual(world.store.events, [{ name: 'discard', value: sid }])
    const kept = path === '/logout' ? {} : { cart: ['apple'], passport: {} }
    assert.deepEqual(await world.witness.data(other.sid()), kept)
  })
}

onMongodb('a slow request from before a login changes nothing (Passport)', async (t, world) => {
  const browser = await world.visit({}, (app) => {
    routes(app)
    slow(app, () => other, LOGIN)
  })
  await browser.post('/cart/apple')
  const other = browser.clone()
  const guest = browser.sid()
  assert.equal((await browser.post('/slow')).status, 200)
  assert.equal((await other.get('/whoami')).text, 'ada')
  assert.deepEqual(await world.witness.data(other.sid()), { passport: { user: 17 } })
  assert.equal(await world.witness.count(), 1)
  assert.deepEqual(world.store.events, [{ name: 'discard', value: guest }])
})

onMongodb('two logins of one guest are two sessions of their own (Passport)', async (t, world) => {
  const browser = await world.visit({}, routes)
  await browser.post('/cart/apple')
  const other = browser.clone()
  await Promise.all([browser.post(LOGIN), other.post(LOGIN)])
  assert.equal((await browser.get('/whoami')).text, 'ada')
  assert.equal((await other.get('/whoami')).text, 'ada')
  assert.deepEqual(
    new Set(await world.sessions.distinct('_id')),
    new Set([browser.sid(), other.sid()]),
  )
  assert.notEqual(browser.sid(), other.sid())

  await browser.post('/logout')
  assert.equal((await other.get('/whoami')).text, 'ada', 'one logout ends one session')
})
