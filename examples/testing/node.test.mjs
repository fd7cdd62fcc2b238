// $ node --test node.test.mjs
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoSessionStore } from 'mongodb-session-store'
import { createApp, serve } from './app.mjs'

test('who has logged in is known at the next request', async (t) => {
  const store = new MongoSessionStore({ uri: 'memory:' })
  const { origin, close } = await serve(createApp(store))
  t.after(async () => {
    await close()
    await store.close()
  })

  const answer = await fetch(`${origin}/login/ada`, { method: 'POST' })
  const [cookie] = answer.headers.getSetCookie()
  const next = await fetch(origin, { headers: { cookie: cookie.split(';')[0] } })

  assert.deepEqual(await next.json(), { user: 'ada' })
  assert.equal(await store.length(), 1)
})
