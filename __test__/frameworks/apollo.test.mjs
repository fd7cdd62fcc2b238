// Apollo Server behind Express: resolvers use the session of the request.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'
import { Browser, serve, sessionOf } from '../express-support.mjs'
import { database, openStore } from '../support.mjs'

const typeDefs = `
  type Query { user: String }
  type Mutation { login(name: String!): String, logout: Boolean }
`

const resolvers = {
  Query: { user: (_parent, _args, { req }) => req.session.user },
  Mutation: {
    async login(_parent, { name }, { req }) {
      await call((done) => req.session.regenerate(done))
      return (req.session.user = name)
    },
    logout: (_parent, _args, { req }) => call((done) => req.session.destroy(done)).then(() => true),
  },
}

function call(action) {
  return new Promise((resolve, reject) => action((error) => (error ? reject(error) : resolve())))
}

test('a session lives from one mutation to another', async (t) => {
  const { uri, sessions } = await database(t)
  const apollo = new ApolloServer({ typeDefs, resolvers, stopOnTerminationSignals: false })
  await apollo.start()
  t.after(() => apollo.stop())
  const app = express()
  app.use(sessionOf(openStore(t, { uri })))
  app.use(
    '/graphql',
    express.json(),
    expressMiddleware(apollo, { context: async ({ req }) => ({ req }) }),
  )
  const browser = new Browser(await serve(t, app))
  const ask = async (query) => {
    const headers = { 'content-type': 'application/json' }
    const { text } = await browser.post('/graphql', headers, JSON.stringify({ query }))
    return JSON.parse(text).data
  }
  assert.deepEqual(await ask('{ user }'), { user: null })
  assert.deepEqual(await ask('mutation { login(name: "ada") }'), { login: 'ada' })
  assert.deepEqual(await ask('{ user }'), { user: 'ada' })
  assert.equal((await sessions.findOne()).session.user, 'ada')
  assert.deepEqual(await ask('mutation { logout }'), { logout: true })
  assert.equal(await sessions.countDocuments(), 0)
})
