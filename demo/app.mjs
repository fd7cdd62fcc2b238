import { randomBytes } from 'node:crypto'
import express from 'express'
import session from 'express-session'
import { CONTENT_SECURITY_POLICY, page } from './page.mjs'

const WEEK_MS = 7 * 24 * 60 * 60 * 1000

const cookie = { httpOnly: true, sameSite: 'strict', maxAge: WEEK_MS }

/** The demo as an Express application, on any store of express-session. */
export function createApp({ store, secret = process.env.SESSION_SECRET ?? 'some secret' }) {
  const app = express()
  app.set('trust proxy', 1)
  app.use(
    session({
      secret,
      store,
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie,
      name: 'connect.sid',
    }),
  )
  app.use(something)

  app.get('/', (req, res) => {
    // Only a browser prefers HTML; curl, which takes anything, gets the short answer.
    if (req.accepts(['text', 'html']) !== 'html') return res.status(200).send('OK')
    req.session.views = (req.session.views ?? 0) + 1
    res.vary('Accept')
    res.set('Cache-Control', 'no-store')
    res.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
    res.send(page({ sid: req.sessionID, session: req.session, found: res.locals.found }))
  })

  app.post('/note', express.urlencoded({ extended: false }), (req, res) => {
    const note = String(req.body?.note ?? '').slice(0, 200)
    if (note) req.session.note = note
    else delete req.session.note
    res.redirect(303, '/')
  })

  // What a login does: a new id, so that one that leaked before is worth nothing, with the old data.
  app.post('/regenerate', (req, res, next) => {
    const { cookie: _old, ...data } = req.session
    req.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(req.session, data)
      res.redirect(303, '/')
    })
  })

  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => {
      if (error) return next(error)
      res.clearCookie('connect.sid', { httpOnly: true, sameSite: 'strict' })
      res.redirect(303, '/')
    })
  })

  return app
}

/** Gives every new session something to keep; an empty one would not be saved. */
function something(req, res, next) {
  res.locals.found = req.session.something != null
  if (req.session.something) {
    console.log('existing something: ', req.session.something)
    return next()
  }
  req.session.something = randomBytes(16).toString('base64url')
  console.log('new something: ', req.session.something)
  next()
}
