// $ NODE_OPTIONS=--experimental-vm-modules npx jest
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoSessionStore } from 'mongodb-session-store'
import { createApp, serve } from './app.mjs'

const store = new MongoSessionStore({ uri: 'memory:' })
let served
beforeAll(async () => {
  served = await serve(createApp(store))
})
afterAll(async () => {
  await served.close()
  await store.close()
})

test('who has logged in is known at the next request', async () => {
  const answer = await fetch(`${served.origin}/login/ada`, { method: 'POST' })
  const [cookie] = answer.headers.getSetCookie()
  const next = await fetch(served.origin, { headers: { cookie: cookie.split(';')[0] } })

  expect(await next.json()).toEqual({ user: 'ada' })
  expect(await store.length()).toBe(1)
})
