import { randomUUID } from 'node:crypto'
import express from 'express'
import session from 'express-session'
import { store as mongoStore } from './store.mjs'

// optional, listen to store errors
mongoStore.on('error', function (error: any) {
  console.error(error)
})

export const app = express()

app.set('trust proxy', 1)
app.use(
  session({
    secret: 'some secret',
    resave: false,
    store: mongoStore,
    saveUninitialized: false,
    rolling: true,
    cookie: { httpOnly: true, sameSite: 'strict' },
    name: 'connect.sid',
  }),
)

// example initialization middleware
app.use((req, _res, next) => {
  if (req.session.something) {
    console.log('existing something: ', req.session.something)
    return next()
  }
  req.session.something = randomUUID()
  console.log('new something: ', req.session.something)
  next()
})

app.get('/', (_req, res) => {
  res.status(200).send('OK')
})
