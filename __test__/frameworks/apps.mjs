// One small application, as each framework wants it written.
import { App as Tinyhttp } from '@tinyhttp/app'
import connect from 'connect'
import express5 from 'express'
import express4 from 'express4'
import { H3, fromNodeHandler } from 'h3'
import { toNodeHandler } from 'h3/node'
import Koa from 'koa'
import koaConnect from 'koa-connect'
import polka from 'polka'
import restana from 'restana'

/** What the application does, by method and path; each answers a text, and may fail. */
export const ROUTES = {
  'POST /login'(session) {
    session.user = 'ada'
    return 'welcome'
  },
  'GET /whoami': (session) => session.user ?? 'nobody',
  'POST /cart'(session) {
    session.cart = 'full'
    return 'ok'
  },
  'POST /logout': (session) => call((done) => session.destroy(done)).then(() => 'bye'),
  // The session that is regenerated is another object, so this gets the request.
  async 'POST /regenerate'(session, req) {
    const { user } = session
    await call((done) => session.regenerate(done))
    req.session.user = user
    return 'renewed'
  },
}

function call(action) {
  return new Promise((resolve, reject) => action((error) => (error ? reject(error) : resolve())))
}

async function answer(req, res, next) {
  const action = ROUTES[`${req.method} ${new URL(req.url, 'http://localhost').pathname}`]
  if (action === undefined) return next()
  try {
    res.end(await action(req.session, req))
  } catch (error) {
    next(error)
  }
}

function fail(res, error) {
  res.statusCode = 500
  res.end(`failed: ${error.message}`)
}

/** By the name of its package, how a framework serves the application behind a session middleware. */
export const FRAMEWORKS = {
  express(sessions) {
    return handlersOf(express5(), sessions)
  },
  express4(sessions) {
    return handlersOf(express4(), sessions)
  },
  connect(sessions) {
    return handlersOf(connect(), sessions)
  },
  polka(sessions) {
    return polka({ onError: (error, _req, res) => fail(res, error) }).use(sessions, answer).handler
  },
  restana(sessions) {
    const app = restana({ errorHandler: (error, _req, res) => fail(res, error) })
    app.use(sessions)
    app.use(answer)
    return (req, res) => app.handle(req, res)
  },
  '@tinyhttp/app'(sessions) {
    const app = new Tinyhttp({ onError: (error, _req, res) => fail(res, error) })
    app.use(sessions)
    app.use(answer)
    return app.handler.bind(app)
  },
  h3(sessions) {
    const app = new H3({
      onError: (error) =>
        new Response(`failed: ${error.cause?.message ?? error.message}`, { status: 500 }),
    })
    app.use(fromNodeHandler(sessions))
    app.use(fromNodeHandler(endWithAnswer))
    for (const [route, action] of Object.entries(ROUTES)) {
      const [method, path] = route.split(' ')
      app.on(method, path, (event) => {
        const { req } = event.runtime.node
        return action(req.session, req)
      })
    }
    return toNodeHandler(app)
  },
  koa(sessions) {
    const app = new Koa()
    app.silent = true
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.status = 500
        ctx.body = `failed: ${error.message}`
      }
    })
    app.use(koaConnect(sessions))
    app.use(async (ctx, next) => {
      const action = ROUTES[`${ctx.method} ${ctx.path}`]
      if (action === undefined) return next()
      ctx.body = await action(ctx.req.session, ctx.req)
    })
    return app.callback()
  },
}

/**
 * h3 ends answers by `res.end(callback)`, which express-session 1.19 takes for `res.end(chunk)`; and it writes all of an
 * answer before, so that the browser would have it before its session is stored.
 */
function endWithAnswer(_req, res, next) {
  const { write, end } = res
  let held
  res.write = (chunk) => {
    const isDrained = held === undefined || write.call(res, held)
    held = chunk
    return isDrained
  }
  res.end = (callback) => {
    if (callback) res.once('finish', callback)
    return end.call(res, held)
  }
  next()
}

function handlersOf(app, sessions) {
  app.use(sessions)
  app.use(answer)
  app.use((error, _req, res, _next) => fail(res, error))
  return app
}
