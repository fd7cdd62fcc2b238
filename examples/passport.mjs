// Passport with a local strategy: the session holds the user's id, Passport makes the user of it.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-local'
import { MongoSessionStore } from 'mongodb-session-store'

const users = new Map([['u1', { id: 'u1', name: 'ada', password: 'lovelace' }]])

passport.use(
  new Strategy((name, password, done) => {
    const user = [...users.values()].find((one) => one.name === name && one.password === password)
    done(null, user ?? false)
  }),
)
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, users.get(id) ?? false))

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
  // Where Passport keeps what `serializeUser` has answered.
  userId: (session) => session.passport?.user,
})
store.on('error', (error) => console.error(error.message))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
  }),
)
app.use(passport.session())
app.use(express.urlencoded({ extended: false }))

app.post('/login', passport.authenticate('local'), (req, res) => res.json({ user: req.user.name }))

app.get('/', (req, res) => {
  if (!req.isAuthenticated()) return res.status(401).json({ error: 'log in first' })
  res.json({ user: req.user.name })
})

app.post('/logout', (req, res, next) => {
  req.logout((error) => {
    if (error) return next(error)
    res.json({ bye: true })
  })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => server.close(() => store.close()))
