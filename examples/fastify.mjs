// The same store behind @fastify/session: parallel requests keep each other's changes there, too.
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify from 'fastify'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
})
store.on('error', (error) => console.error(error.message))

const app = Fastify()
await app.register(fastifyCookie)
await app.register(fastifySession, {
  secret: process.env.SESSION_SECRET ?? 'a secret of your own, of 32 characters or more',
  store,
  saveUninitialized: false,
  // Without TLS in front; leave it out in production.
  cookie: { secure: false, maxAge: 24 * 60 * 60 * 1000 },
})

app.get('/', async (request) => {
  request.session.views = (request.session.views ?? 0) + 1
  return { views: request.session.views }
})

app.addHook('onClose', () => store.close())
process.once('SIGTERM', () => app.close())
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
