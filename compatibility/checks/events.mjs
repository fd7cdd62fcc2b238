// Events tell what has happened.
import assert from 'node:assert/strict'
import session from 'express-session'
import { load, newSession, until } from './world.mjs'

export const events = {
  async 'a store is an emitter and a Store of express-session'({ open }) {
    const store = open()
    assert.ok(store instanceof session.Store)
    const infos = []
    store.on('info', (message) => infos.push(message))
    await store.ping()
    await until(() => infos.length > 0, 'the info')
    await store.close()
    assert.deepEqual(infos, [
      'Connected to MongoDB for session store.',
      'Closing MongoDB connection to session store.',
    ])
  },

  async 'every verb tells what it has done'({ open }) {
    const store = open()
    const told = []
    for (const name of ['create', 'update', 'set', 'touch', 'destroy', 'get']) {
      store.on(name, (sid) => told.push(`${name} ${sid}`))
    }
    await store.set('sid', newSession({ n: 1 }))
    await store.set('sid', newSession({ n: 2 }))
    await store.touch('sid', newSession())
    await store.get('sid')
    await store.destroy('sid')
    assert.deepEqual(told, [
      'create sid',
      'set sid',
      'update sid',
      'set sid',
      'touch sid',
      'get sid',
      'destroy sid',
    ])
  },

  async 'a save after the session was destroyed is discarded'({ open }) {
    const store = open()
    await store.set('sid', newSession())
    const late = await load(store, 'sid')
    await store.destroy('sid')
    const discarded = []
    store.on('discard', (sid) => discarded.push(sid))
    late.user = 'ada'
    await store.set('sid', late)
    assert.deepEqual(discarded, ['sid'])
    assert.equal(await store.get('sid'), null)
  },
}
