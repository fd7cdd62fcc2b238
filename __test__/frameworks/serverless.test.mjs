// serverless-http, with the events that AWS Lambda gets of its API Gateway.
import assert from 'node:assert/strict'
import test from 'node:test'
import express from 'express'
import serverless from 'serverless-http'
import { sessionOf } from '../express-support.mjs'
import { database, openStore } from '../support.mjs'

test('a session is known at the next invocation', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const app = express()
  app.use(sessionOf(store))
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.json({ views: req.session.views })
  })
  const handler = serverless(app)
  let cookies = []
  const invoke = async () => {
    const event = {
      version: '2.0',
      rawPath: '/',
      rawQueryString: '',
      headers: { host: 'localhost' },
      cookies,
      requestContext: { http: { method: 'GET', path: '/' }, stage: '$default' },
      isBase64Encoded: false,
    }
    const answer = await handler(event, { callbackWaitsForEmptyEventLoop: true })
    const set = answer.cookies ?? answer.multiValueHeaders?.['set-cookie'] ?? []
    if (set.length > 0) cookies = set.map((cookie) => cookie.split(';')[0])
    return JSON.parse(answer.body)
  }
  assert.deepEqual(await invoke(), { views: 1 })
  assert.deepEqual(await invoke(), { views: 2 })
  assert.equal((await sessions.findOne()).session.views, 2)
  assert.deepEqual(store.events, [])
})
