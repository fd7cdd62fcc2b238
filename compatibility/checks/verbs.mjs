// Every verb does what the documentation says.
import assert from 'node:assert/strict'
import { dataOf, newSession, onMongodb, until } from './world.mjs'

export const verbs = {
  async 'what set stores, get reads'({ open }) {
    const store = open()
    assert.equal(await store.get('sid'), null)
    const session = newSession({ user: 'ada' })
    await store.set('sid', session)
    const read = await store.get('sid')
    assert.deepEqual(dataOf(read), { user: 'ada' })
    assert.deepEqual(read.cookie.expires, session.cookie._expires)
  },

  'the stored document is the documented one': onMongodb(async ({ open, document }) => {
    const session = newSession({ user: 'ada' })
    await open().set('sid', session)
    const { _id, expires, session: stored, ...more } = await document('sid')
    assert.deepEqual([_id, expires, more], ['sid', session.cookie._expires, {}])
    assert.deepEqual(stored, session)
  }),

  async 'touch moves the expiry and creates nothing'({ open }) {
    const store = open()
    await store.set('sid', newSession())
    const later = newSession()
    later.cookie._expires = new Date(Date.now() + 3_600_000)
    await store.touch('sid', later)
    assert.deepEqual((await store.get('sid')).cookie.expires, later.cookie._expires)
    await store.touch('nobody', later)
    assert.equal(await store.length(), 1)
  },

  async 'destroy ends a session, and clear all of the prefix'({ open }) {
    const store = open({ prefix: 'app:' })
    await Promise.all(['a', 'b', 'c'].map((sid) => store.set(sid, newSession())))
    await store.destroy('a')
    assert.deepEqual(await store.ids(), ['b', 'c'])
    await store.clear()
    assert.equal(await store.length(), 0)
  },

  async 'an expired session is none'({ open }) {
    const store = open()
    const session = newSession()
    session.cookie._expires = new Date(Date.now() - 1000)
    await store.set('sid', session)
    assert.equal(await store.get('sid'), null)
    assert.equal(await store.length(), 0)
  },

  async 'all, ids, entries and scan list the sessions'({ open }) {
    const store = open()
    const sids = Array.from({ length: 40 }, (_, index) => `sid-${10 + index}`)
    await Promise.all(
      sids.map((sid) => store.set(sid, newSession({ sid, text: 'x'.repeat(1000) }))),
    )
    assert.deepEqual(new Set((await store.all()).map(({ sid }) => sid)), new Set(sids))
    assert.deepEqual(await store.ids(), sids)
    const entries = await store.entries()
    assert.deepEqual(
      entries.map(({ sid, session }) => [sid, session.sid]),
      sids.map((sid) => [sid, sid]),
    )
    assert.ok(entries.every(({ expires }) => expires instanceof Date))
    const scanned = []
    for await (const { sid } of store.scan()) scanned.push(sid)
    assert.deepEqual(scanned, sids)
  },

  async 'find and destroyMany choose by what sessions hold'({ open }) {
    const store = open()
    for (const [sid, n] of Object.entries({ a: 1, b: 2, c: 3 })) {
      await store.set(sid, newSession({ user: { n } }))
    }
    const found = await store.find({ 'user.n': { $gt: 1 } })
    assert.deepEqual(
      found.map(({ sid }) => sid),
      ['b', 'c'],
    )
    assert.equal(await store.destroyMany({ 'user.n': { $in: [1, 3] } }), 2)
    assert.deepEqual(await store.ids(), ['b'])
  },

  async 'sessionsOf and destroyByUser are about one user'({ open }) {
    const store = open({ userId: ({ user }) => user })
    for (const sid of ['a', 'b', 'c']) await store.set(sid, newSession({ user: 'ada' }))
    await store.set('d', newSession({ user: 'bob' }))
    assert.deepEqual(
      (await store.sessionsOf('ada')).map(({ sid }) => sid),
      ['a', 'b', 'c'],
    )
    assert.equal(await store.destroyByUser('ada', { except: 'b' }), 2)
    assert.deepEqual(await store.ids(), ['b', 'd'])
  },

  async 'flagDeletion hides a session, and cleanup deletes it'({ open }) {
    const store = open()
    await store.set('sid', newSession())
    assert.equal(await store.flagDeletion('sid'), 1)
    assert.equal(await store.get('sid'), null)
    assert.equal(await store.cleanup(), 1)
  },

  async 'ping answers, and close ends the store'({ open }) {
    const store = open()
    await store.ping()
    await until(() => store.connected, 'the connection')
    await store.close()
    assert.equal(store.connected, false)
    await store.close()
  },

  async 'a thousand calls at once are all answered, in their order'({ open }) {
    const store = open()
    const calls = []
    for (let index = 0; index < 1000; index++) {
      calls.push(store.set(`sid-${index % 100}`, newSession({ index })))
    }
    const reads = Array.from({ length: 100 }, (_, index) => store.get(`sid-${index}`))
    await Promise.all(calls)
    const indices = (await Promise.all(reads)).map(({ index }) => index)
    assert.deepEqual(
      indices,
      Array.from({ length: 100 }, (_, index) => 900 + index),
    )
  },

  async 'another module system has the same class'({ open }) {
    const { createRequire } = await import('node:module')
    const required = createRequire(import.meta.url)('../../index.cjs')
    assert.equal(open().constructor, required.MongoSessionStore)
  },
}
