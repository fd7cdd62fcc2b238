// $ npx vitest run vitest.test.mjs
import { afterAll, expect, test } from 'vitest'
import { MongoSessionStore } from 'mongodb-session-store'
import { createApp, serve } from './app.mjs'

const store = new MongoSessionStore({ uri: 'memory:' })
const { origin, close } = await serve(createApp(store))
afterAll(async () => {
  await close()
  await store.close()
})

test('who has logged in is known at the next request', async () => {
  const answer = await fetch(`${origin}/login/ada`, { method: 'POST' })
  const [cookie] = answer.headers.getSetCookie()
  const next = await fetch(origin, { headers: { cookie: cookie.split(';')[0] } })

  expect(await next.json()).toEqual({ user: 'ada' })
  expect(await store.length()).toBe(1)
})
