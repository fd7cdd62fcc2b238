// What the tests of moving in share: an app with log-in in front of any store, and a visitor who
// goes from one process of a fleet to another.
import assert from 'node:assert/strict'
import express from 'express'
import { Browser, serve, sessionOf } from './express-support.mjs'

/** Serves an app with log-in and answers its origin. `data` is what a log-in puts into the session. */
export function serveLogin(t, store, { data = {}, ...options } = {}) {
  const app = express()
  app.use(sessionOf(store, options))
  app.post('/login/:user', ({ session, params }, res, next) => {
    session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(session.req.session, data, { user: params.user, visits: 0 })
      res.end()
    })
  })
  app.get('/', ({ session }, res) => {
    if (session.user === undefined) return res.json(null)
    session.visits++
    const { cookie: _cookie, ...rest } = session
    res.json(rest)
  })
  app.post('/logout', ({ session }, res, next) => {
    session.destroy((error) => (error ? next(error) : res.end()))
  })
  return serve(t, app)
}

/** A browser that sends its cookies to whichever process of the fleet it is asked to go to. */
export class Visitor {
  #browser = new Browser()

  get sid() {
    return this.#browser.sid()
  }

  async login(origin, user) {
    await this.#request('POST', origin, `/login/${user}`)
  }

  async logout(origin) {
    await this.#request('POST', origin, '/logout')
  }

  /** What the session holds, with one more visit in it; null for who is not logged in. */
  async visit(origin) {
    return JSON.parse(await this.#request('GET', origin, '/'))
  }

  async #request(method, origin, path) {
    this.#browser.origin = origin
    const { status, text } = await this.#browser.request(method, path)
    assert.equal(status, 200, text)
    return text
  }
}
