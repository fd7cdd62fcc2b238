// NestJS on Express. Decorators are functions, so they need no compiler here; docs/frameworks.md shows them
// as they are written.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  Controller,
  ForbiddenException,
  Get,
  Module,
  Param,
  Post,
  Req,
  Session,
  UseGuards,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Browser, originalMaxAge, sessionOf } from './express-support.mjs'
import { database, failure, openStore, runProgram, until } from './support.mjs'

/** Decorates a method, and its parameters in their order. */
function decorate({ prototype }, name, decorators, ...parameters) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
  for (const decorator of decorators) decorator(prototype, name, descriptor)
  parameters.forEach((decorator, index) => decorator(prototype, name, index))
}

class LoginGuard {
  canActivate(context) {
    return context.switchToHttp().getRequest().session.user !== undefined
  }
}

/** What the visitors of the app do. `meanwhile` runs while a slow request holds its session. */
function controllerOf(meanwhile) {
  class UserController {
    login(session, name) {
      session.user = name
      return 'welcome'
    }
    whoami(session) {
      return session.user ?? 'nobody'
    }
    profile(session) {
      return `profile of ${session.user}`
    }
    logout(req) {
      return new Promise((resolve, reject) => {
        req.session.destroy((error) => (error ? reject(error) : resolve('bye')))
      })
    }
    regenerate(req) {
      return new Promise((resolve, reject) => {
        req.session.regenerate((error) => (error ? reject(error) : resolve('renewed')))
      })
    }
    async slow(session) {
      session.slow = true
      await meanwhile()
      return 'done'
    }
    fail(session) {
      session.failed = true
      throw new ForbiddenException('not you')
    }
  }
  decorate(UserController, 'login', [Post('/login/:name')], Session(), Param('name'))
  decorate(UserController, 'whoami', [Get('/whoami')], Session())
  decorate(UserController, 'profile', [Get('/profile'), UseGuards(LoginGuard)], Session())
  decorate(UserController, 'logout', [Post('/logout')], Req())
  decorate(UserController, 'regenerate', [Post('/regenerate')], Req())
  decorate(UserController, 'slow', [Post('/slow')], Session())
  decorate(UserController, 'fail', [Post('/fail')], Session())
  Controller()(UserController)
  return UserController
}

/** Runs a test with a Nest app whose module has the sessions and closes their store. */
function onNest(title, body) {
  test(`${title} (NestJS)`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri })
    const world = { store, sessions, meanwhile: async () => {} }
    class AppModule {
      configure(consumer) {
        const options = { rolling: true, cookie: { maxAge: 60_000 } }
        consumer.apply(sessionOf(store, options)).forRoutes('{*path}')
      }
      onApplicationShutdown() {
        return store.close()
      }
    }
    Module({ controllers: [controllerOf(() => world.meanwhile())] })(AppModule)
    const app = await NestFactory.create(AppModule, { logger: false })
    await app.listen(0, '127.0.0.1')
    // As `serve` does, for a browser that comes back late.
    app.getHttpServer().keepAliveTimeout = 0
    t.after(() => app.close())
    const browser = new Browser(await app.getUrl())
    await body({ ...world, app, browser, meet: (meanwhile) => (world.meanwhile = meanwhile) })
  })
}

onNest('a session lives from login to logout', async ({ browser, sessions, store }) => {
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.equal(await sessions.countDocuments(), 0)

  const { cookie } = await browser.post('/login/ada')
  const document = await sessions.findOne()
  const { expires } = document
  assert.deepEqual(document, {
    _id: browser.sid(),
    expires,
    session: {
      cookie: {
        path: '/',
        _expires: expires,
        originalMaxAge: originalMaxAge(document.session.cookie, 60_000),
        httpOnly: true,
      },
      user: 'ada',
    },
  })
  assert.equal(cookie.expires.getTime(), Math.floor(expires.getTime() / 1000) * 1000)
  assert.equal((await browser.get('/whoami')).text, 'ada')

  assert.equal((await browser.post('/logout')).text, 'bye')
  assert.equal(await sessions.countDocuments(), 0)
  assert.equal((await browser.get('/whoami')).text, 'nobody')
  assert.deepEqual(store.events, [])
})

onNest('a guard sees the session', async ({ browser }) => {
  assert.equal((await browser.get('/profile')).status, 403)
  await browser.post('/login/ada')
  assert.equal((await browser.get('/profile')).text, 'profile of ada')
})

onNest('a regenerated session has a new id, and the old one is gone', async (world) => {
  const { browser } = world
  await browser.post('/login/ada')
  const attacker = browser.clone()
  assert.equal((await browser.post('/regenerate')).text, 'renewed')
  assert.equal((await attacker.get('/whoami')).text, 'nobody')
  assert.deepEqual(await world.sessions.distinct('_id'), [browser.sid()])
})

onNest('an exception leaves the session as it was changed', async ({ browser, sessions }) => {
  await browser.post('/login/ada')
  assert.equal((await browser.post('/fail')).status, 403)
  const { session } = await sessions.findOne()
  assert.equal(session.failed, true)
  assert.equal(session.user, 'ada')
})

onNest('parallel requests keep their changes', async ({ browser, sessions, meet }) => {
  await browser.post('/login/ada')
  const other = browser.clone()
  meet(() => other.post('/login/bob'))
  assert.equal((await browser.post('/slow')).text, 'done')
  const { session } = await sessions.findOne()
  assert.equal(session.user, 'bob')
  assert.equal(session.slow, true)
})

onNest('a slow request does not undo a logout', async ({ browser, sessions, store, meet }) => {
  await browser.post('/login/ada')
  const other = browser.clone()
  meet(() => other.post('/logout'))
  assert.equal((await browser.post('/slow')).text, 'done')
  assert.equal(await sessions.countDocuments(), 0)
  assert.deepEqual(store.events, [{ name: 'discard', value: other.sid() }])
})

onNest('app.close waits for requests and their sessions, then closes the store', async (world) => {
  const { app, browser, meet } = world
  await browser.post('/login/ada')
  let closing
  meet(async () => {
    closing = app.close()
    await until(() => !app.getHttpServer().listening, 'the server to let nobody in')
  })
  // A connection that is kept alive would hold up the server for some seconds.
  assert.equal((await browser.post('/slow', { connection: 'close' })).text, 'done')
  await closing
  assert.equal((await world.sessions.findOne()).session.slow, true)
  assert.equal((await failure(world.store.get('sid'))).code, 'ERR_STORE_CLOSED')
})

test('app.close lets the process end (NestJS)', async (t) => {
  const { uri, sessions } = await database(t)
  const imported = ['@nestjs/common', '@nestjs/core', 'express-session']
  const [common, core, session] = imported.map((name) => JSON.stringify(import.meta.resolve(name)))
  const { code, stdout, stderr } = await runProgram(
    `import { Controller, Get, Module, Session } from ${common}
    import { NestFactory } from ${core}
    import session from ${session}
    class AppController {
      visit(session) {
        session.user = 'ada'
        return 'welcome'
      }
    }
    const { prototype } = AppController
    Get()(prototype, 'visit', Object.getOwnPropertyDescriptor(prototype, 'visit'))
    Session()(prototype, 'visit', 0)
    Controller()(AppController)
    const store = new MongoSessionStore({ uri: process.argv[1] })
    class AppModule {
      onApplicationShutdown() {
        return store.close()
      }
    }
    Module({ controllers: [AppController] })(AppModule)
    const app = await NestFactory.create(AppModule, { logger: false })
    app.use(session({ secret: 'secret', store, resave: false, saveUninitialized: false }))
    await app.listen(0, '127.0.0.1')
    console.log(await (await fetch(await app.getUrl())).text())
    await app.close()
    console.log(store.connected)`,
    { args: [uri] },
  )
  assert.equal(stdout, 'welcome\nfalse\n', stderr)
  assert.equal(code, 0)
  assert.equal((await sessions.findOne()).session.user, 'ada')
})
