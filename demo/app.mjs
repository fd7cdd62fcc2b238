// The application of the documented walkthrough, which answers `curl`, and the shop beside it, if there is one.
import { randomBytes } from 'node:crypto'
import express from 'express'
import session from 'express-session'

const WEEK_MS = 7 * 24 * 60 * 60 * 1000

const cookie = { httpOnly: true, sameSite: 'strict', maxAge: WEEK_MS }

/** The demo as an Express application, on any store of express-session. `shop` are routes that come first. */
export function createApp({ store, shop, secret = process.env.SESSION_SECRET ?? 'some secret' }) {
  const app = express()
  app.set('trust proxy', 1)
  if (shop) app.use(shop)
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
    res.status(200).send('OK')
  })

  return app
}

/** Gives every new session something to keep; an empty one would not be saved. */
function something(req, res, next) {
  if (req.session.something) {
    console.log('existing something: ', req.session.something)
    return next()
  }
  req.session.something = randomBytes(16).toString('base64url')
  console.log('new something: ', req.session.something)
  next()
}
