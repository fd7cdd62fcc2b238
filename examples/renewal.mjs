// Who is logged in gets a new session id now and then, and nothing is lost that other requests do meanwhile with the
// old one. A stolen id is soon worth nothing, and its use is noticed.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const RENEW_AFTER_MS = Number(process.env.RENEW_AFTER_MS ?? 15 * 60 * 1000)
/** Until when the requests have ended that are under way. */
const GRACE_MS = Number(process.env.GRACE_MS ?? 30 * 1000)

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  // Keeps an old id from coming back. Every process needs it.
  deleteFlags: true,
})
store.on('error', (error) => console.error(error.message))
// Somebody has kept it, or the answer with the new one was lost. The argument is the id: do not log it.
store.on('reuse', () => console.warn('an old session id was used'))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', maxAge: 24 * 60 * 60 * 1000 },
  }),
)

app.use(async (req, _res, next) => {
  const { user, renewedAt } = req.session
  if (user !== undefined && Date.now() - renewedAt > RENEW_AFTER_MS) {
    // Of several requests at the same moment one does; the others go on with the old id.
    req.session.renewedAt = Date.now()
    await store.renew(req, { grace: GRACE_MS })
  }
  next()
})

app.post('/login/:name', (req, res, next) => {
  // Your own check of the password comes here. At this moment the old id must be worth nothing at once.
  req.session.regenerate((error) => {
    if (error) return next(error)
    Object.assign(req.session, { user: req.params.name, renewedAt: Date.now(), cart: [] })
    res.json({ welcome: req.session.user })
  })
})

// Whatever comes behind this is for those who are logged in.
app.use((req, res, next) => {
  if (req.session.user === undefined) return res.status(401).json({ error: 'log in first' })
  next()
})

app.get('/cart', (req, res) => {
  res.json(req.session.cart)
})

app.post('/cart/:item', (req, res) => {
  req.session.cart = [...req.session.cart, req.params.item]
  res.json(req.session.cart)
})

app.post('/logout', (req, res, next) => {
  // Ends the session under both of its ids, whichever of them the request has come with.
  req.session.destroy((error) => (error ? next(error) : res.json({ bye: true })))
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
