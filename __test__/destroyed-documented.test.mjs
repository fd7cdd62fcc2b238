// The cases that the documentation of express-session-mongodb lists under 'Additional Notes on
// TimeToLive and express-session' and 'FlagDeletion and Cleanup methods'. The titles say what this
// store does.
import assert from 'node:assert/strict'
import test from 'node:test'
import { regenerate, reload, save, visitorOf } from './parallel-support.mjs'
import { database, failure, openStore, until } from './support.mjs'

/** A test with a browser that has a session, and a function that deletes it as MongoDB's TTL does. */
function onDeletion(title, body, options) {
  test(title, async (t) => {
    const { uri, sessions } = await database(t)
    const visitor = await visitorOf(t, openStore(t, { uri, ...options }))
    const _id = await visitor.login()
    const expire = () =>
      sessions.updateOne({ _id }, { $set: { expires: new Date(Date.now() - 1000) } })
    const remove = async () => assert.equal((await sessions.deleteOne({ _id })).deletedCount, 1)
    await body(visitor, { sessions, sid: _id, expire, remove, uri, t })
  })
}

onDeletion('deleted between requests: a blank session with a new id', async (visitor, world) => {
  await world.remove()
  const user = await visitor.request(({ session }) => {
    const { user = 'nobody' } = session
    session.user = 'bob'
    return user
  })
  assert.equal(user, 'nobody')
  assert.notEqual(visitor.sid, world.sid)
  assert.equal(await world.sessions.countDocuments(), 1)
})

onDeletion('expired between requests but not yet deleted: the same', async (visitor, world) => {
  await world.expire()
  assert.equal(await visitor.request(({ session }) => session.user ?? 'nobody'), 'nobody')
})

onDeletion('deleted during a request: changes are possible, not saved', async (visitor, world) => {
  await visitor.request(async ({ session }) => {
    await world.remove()
    session.user = 'bob'
    assert.equal(session.user, 'bob')
  })
  assert.equal(await world.sessions.countDocuments(), 0)
  await until(() => visitor.store.events.length > 0, 'the discard')
  assert.deepEqual(visitor.store.events, [{ name: 'discard', value: world.sid }])
})

onDeletion('deleted during a request that only reads: no error', async (visitor, world) => {
  await visitor.request(world.remove)
  assert.equal(await world.sessions.countDocuments(), 0)
  assert.deepEqual(visitor.store.events, [])
})

onDeletion('deleted during a request: regenerate makes a new session', async (visitor, world) => {
  await visitor.request(async (req) => {
    await world.remove()
    const session = await regenerate(req)
    session.user = 'bob'
  })
  assert.notEqual(visitor.sid, world.sid)
  assert.deepEqual(await visitor.data(), { user: 'bob' })
  assert.equal(await world.sessions.countDocuments(), 1)
})

onDeletion('deleted during a request: destroy reports no error', async (visitor, world) => {
  await visitor.request(async (req) => {
    await world.remove()
    const error = await new Promise((resolve) => req.session.destroy(resolve))
    assert.equal(error, null)
    assert.equal(req.session, undefined)
  })
  assert.equal(await world.sessions.countDocuments(), 0)
  assert.deepEqual(visitor.store.events, [])
})

onDeletion('deleted during a request: reload reports an error', async (visitor, world) => {
  await visitor.request(async (req) => {
    await world.remove()
    assert.equal((await failure(reload(req))).message, 'failed to load session')
    assert.equal(req.session.user, 'ada')
  })
  assert.equal(await world.sessions.countDocuments(), 0)
})

onDeletion(
  'deleted during a request: save reports no error, writes nothing',
  async (visitor, w) => {
    await visitor.request(async (req) => {
      await w.remove()
      await save(req)
      req.session.user = 'bob'
      await save(req)
    })
    assert.equal(await w.sessions.countDocuments(), 0)
    await until(() => visitor.store.events.length === 2, 'two discards')
  },
)

onDeletion(
  'expired during a request but not deleted: its save renews it',
  async (visitor, world) => {
    await visitor.request(async ({ session }) => {
      await world.expire()
      session.user = 'bob'
    })
    assert.deepEqual(await visitor.data(), { user: 'bob' })
    assert.deepEqual(visitor.store.events, [])
  },
)

onDeletion(
  'expired during a request but not deleted: its touch renews it',
  async (visitor, world) => {
    await visitor.request(world.expire)
    assert.deepEqual(await visitor.data(), { user: 'ada' })
  },
)

onDeletion('expired during a request but not deleted: reload fails', async (visitor, world) => {
  await visitor.request(async (req) => {
    await world.expire()
    assert.equal((await failure(reload(req))).message, 'failed to load session')
  })
})

for (const deleteFlags of [false, true]) {
  const how = deleteFlags ? 'with' : 'without'

  onDeletion(
    `'TestDeleteParallel' ${how} deleteFlags: requests in progress restore nothing`,
    async (visitor, { sid, sessions }) => {
      const { store } = visitor
      let gone
      await visitor.atOnce(
        ...Array.from({ length: 5 }, (_, index) => async (session) => {
          await (gone ??= store.destroy(sid))
          session.late = index
        }),
      )
      assert.equal(await store.get(sid), null)
      assert.equal(await sessions.countDocuments(), deleteFlags ? 1 : 0)
      assert.equal(await store.cleanup(), deleteFlags ? 1 : 0)
      assert.equal(await sessions.countDocuments(), 0)
    },
    { deleteFlags },
  )
}

onDeletion(
  'FlagDeletion: a request that holds the session cannot restore it',
  async (visitor, w) => {
    await visitor.request(async ({ session }) => {
      assert.equal(await visitor.store.flagDeletion(w.sid), 1)
      session.late = true
    })
    assert.equal(await visitor.store.get(w.sid), null)
    assert.equal(await visitor.request(({ session }) => session.user ?? 'nobody'), 'nobody')
  },
)

onDeletion(
  'Cleanup right after FlagDeletion is safe as well',
  async (visitor, { sid, sessions }) => {
    await visitor.request(async ({ session }) => {
      assert.equal(await visitor.store.flagDeletion(sid), 1)
      assert.equal(await visitor.store.cleanup(), 1)
      session.late = true
    })
    assert.equal(await sessions.countDocuments(), 0)
  },
)
