import assert from 'node:assert/strict'
import test from 'node:test'
import { newSession, onBothEngines } from './support.mjs'

onBothEngines(test, 'a session that was set is got back', async (t, open) => {
  const store = open()
  const session = newSession({ user: 'ada', cart: [{ id: 1 }] })
  await store.set('sid', session)
  const { cookie, ...data } = await store.get('sid')
  assert.deepEqual(data, { user: 'ada', cart: [{ id: 1 }] })
  assert.deepEqual(cookie, {
    path: '/',
    expires: session.cookie._expires,
    originalMaxAge: 60_000,
    httpOnly: true,
  })
})

onBothEngines(test, 'a session that does not exist is null', async (t, open) => {
  assert.equal(await open().get('nobody'), null)
})
