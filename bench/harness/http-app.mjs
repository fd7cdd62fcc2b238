// The demo's kind of application, without its console and its page: Express 5, express-session,
// rolling sessions.
import { createHmac } from 'node:crypto'
import express from 'express'
import session from 'express-session'
import { WEEK_MS, sidsOf } from './sessions.mjs'

const SECRET = 'some secret'

/** Sessions that the load goes round on. */
export const httpSids = sidsOf('http', 1024)

export function createApp(store) {
  const app = express()
  app.use(
    session({
      secret: SECRET,
      store,
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { httpOnly: true, sameSite: 'strict', maxAge: WEEK_MS },
    }),
  )
  app.get('/', (req, res) => answer(req, res))
  app.get('/count', (req, res) => {
    req.session.views++
    answer(req, res)
  })
  return app
}

/** A session that was not found has no user, and the load generator counts that as an error. */
function answer(req, res) {
  const { user, views } = req.session
  if (!user) return res.sendStatus(500)
  res.json({ user: user.name, views })
}

/** The cookie of a session, signed as express-session does it. */
export function cookieOf(sid) {
  const signature = createHmac('sha256', SECRET).update(sid).digest('base64').replace(/=+$/, '')
  return `connect.sid=${encodeURIComponent(`s:${sid}.${signature}`)}`
}
