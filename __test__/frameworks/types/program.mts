// What the frameworks take by their own types. Nothing here is run.
import fastifySession from '@mgcrea/fastify-session'
import { betterAuth } from 'better-auth'
import openid from 'express-openid-connect'
import fastify from 'fastify'
import sessions from 'koa-session'
import { createCookie, createSessionStorage } from 'react-router'
import { MongoSessionStore } from '../../../index.cjs'
import { secondaryStorage } from '../../../lib/adapters/better-auth.cjs'
import { openidStore } from '../../../lib/adapters/express-openid-connect.cjs'
import { koaSessionStore } from '../../../lib/adapters/koa-session.cjs'
import { fastifySessionStore } from '../../../lib/adapters/mgcrea-fastify-session.cjs'
import { mongoSessionStorage } from '../../../lib/adapters/react-router.cjs'

const store = new MongoSessionStore({ uri: 'memory:' })

sessions({ store: koaSessionStore(store) }, { use() {} })

fastify().register(fastifySession, { secret: 'some secret', store: fastifySessionStore(store) })

openid.auth({
  session: { store: openidStore(store) },
  backchannelLogout: { store: openidStore(store) },
})

betterAuth({ secondaryStorage: secondaryStorage(store) })

interface Data {
  user: string
}
interface Flash {
  notice: string
}
const cookie = { name: 'session', secrets: ['some secret'], maxAge: 600 }
const storage = mongoSessionStorage(createSessionStorage<Data, Flash>, { store, cookie })
const session = await storage.getSession('session=1')
const user: string | undefined = session.get('user')
session.set('user', 'ada')
session.flash('notice', 'saved')
const header: string = await storage.commitSession(session, { maxAge: 60 })
mongoSessionStorage(createSessionStorage, { store, cookie: createCookie('session', cookie) })
const untyped = await mongoSessionStorage(createSessionStorage, { store }).getSession()
untyped.set('user', 'ada')

// @ts-expect-error not one of the data
session.set('name', 'ada')
// @ts-expect-error a lifetime in words
mongoSessionStorage(createSessionStorage<Data>, { store, cookie: { maxAge: '1 day' } })
// @ts-expect-error no store
koaSessionStore(new Map())

export { header, user }
