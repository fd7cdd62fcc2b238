// Several tenants: a store each, with a prefix of its own. They share the connections, and none sees another's sessions.
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const uri = process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions'
const tenants = new Map(['shop', 'office'].map((name) => [name, tenantOf(name)]))

function tenantOf(name) {
  const store = new MongoSessionStore({ uri, prefix: `${name}:` })
  store.on('error', (error) => console.error(name, error.message))
  const middleware = session({
    secret: process.env.SESSION_SECRET ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
    // A cookie for each, since both are on one host here.
    name: `sid.${name}`,
    cookie: { path: `/${name}` },
  })
  return { store, middleware }
}

const app = express()
app.use('/:tenant', (req, res, next) => {
  const tenant = tenants.get(req.params.tenant)
  if (tenant === undefined) return next('router')
  req.tenant = tenant
  tenant.middleware(req, res, next)
})

app.get('/:tenant', async (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  await req.session.save()
  res.json({ views: req.session.views, sessions: await req.tenant.store.length() })
})

const server = app.listen(process.env.PORT ?? 3000)
process.once('SIGTERM', () => {
  server.close(() => Promise.all([...tenants.values()].map(({ store }) => store.close())))
})
