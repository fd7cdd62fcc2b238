// The option `previousStore`: what has moved and ends here, while the previous store has it still, does not move once more.
import assert from 'node:assert/strict'
import test from 'node:test'
import session from 'express-session'
import { load, newSession, onBothEngines, succeeds, until } from './support.mjs'

/** A store of express-session with a session of ada's in it, which destroys nothing before it is let. */
class Holding extends session.MemoryStore {
  constructor() {
    super()
    this.sessions.sid = JSON.stringify({ cookie: new session.Cookie(), user: 'ada' })
    this.isAsked = new Promise((resolve) => (this.ask = resolve))
    this.isLet = new Promise((resolve) => (this.let = resolve))
  }

  get has() {
    return 'sid' in this.sessions
  }

  async destroy(sid, callback) {
    this.ask()
    await this.isLet
    super.destroy(sid, callback)
  }
}

/** What ends a session here, and leaves the previous store alone. */
const ENDS = {
  destroyByUser: async (store) => assert.equal(await store.destroyByUser('ada'), 1),
  revokeOthers: async (store) => assert.equal(await store.revokeOthers('ada', 'other'), 1),
  revoke: async (store) => {
    const [{ handle }] = await store.devices('ada')
    assert.equal(await store.revoke('ada', handle), 1)
  },
  destroyMany: async (store) => assert.equal(await store.destroyMany({ user: 'ada' }), 1),
  'destroyMany of all': async (store) => assert.equal(await store.destroyMany({}), 1),
  flagDeletion: async (store) => assert.equal(await store.flagDeletion('sid'), 1),
  'one log-in too many': (store) => store.set('new', newSession({ user: 'ada' })),
}

const OPTIONS = { userId: ({ user }) => user, device: true, maxPerUser: 1 }

const STORES = {
  '': {},
  ', flags': { deleteFlags: true },
  ', other ids': { hashIds: true, prefix: 'app:', fields: { id: 'key', deleted: 'gone' } },
}

for (const [how, end] of Object.entries(ENDS)) {
  for (const [which, options] of Object.entries(STORES)) {
    const title = `a session that ends by ${how} behind its move stays ended${which}`
    onBothEngines(test, title, async (t, open) => {
      const previousStore = new Holding()
      const store = open({ ...OPTIONS, ...options, previousStore })
      const moved = store.get('sid')
      await previousStore.isAsked
      // It is here, and there.
      const held = await load(store)
      await end(store)
      assert.equal(previousStore.has, true)
      assert.equal(await store.get('sid'), null)
      previousStore.let()
      assert.equal(await moved, null)
      assert.equal(previousStore.has, false)
      held.late = true
      await store.set('sid', held)
      assert.equal(await store.get('sid'), null)
      await store.cleanup()
      assert.equal(await store.get('sid'), null)
      const left = how === 'one log-in too many' ? 1 : 0
      assert.equal(await store.length(), left)
    })
  }
}

onBothEngines(
  test,
  'a previous store that could not destroy a session is asked again, and has it no more',
  async (t, open) => {
    const previousStore = new Holding()
    previousStore.let()
    const store = open({ ...OPTIONS, previousStore, operationTimeout: 1000 })
    await until(() => succeeds(store.ping()), 'the store')
    previousStore.destroy = (_sid, callback) => callback(new Error('out of order'))
    // On a busy machine a call may end by its time.
    await until(async () => {
      await store.get('sid').catch(() => {})
      const entries = await store.sessionsOf('ada').catch(() => [])
      return entries.length === 1
    }, 'the move')
    await until(() => succeeds(store.destroyByUser('ada')), 'the end')
    let found
    await until(() => succeeds(store.get('sid').then((read) => (found = read))), 'a look')
    assert.equal(found, null)
    assert.equal(previousStore.has, true)
    delete previousStore.destroy
    await until(() => !previousStore.has, 'the previous store to be without it')
  },
)

onBothEngines(test, 'an id that was given up is told once, and sought nowhere', async (t, open) => {
  const previousStore = new Holding()
  previousStore.let()
  const store = open({ previousStore, deleteFlags: true })
  const reused = []
  store.on('reuse', (sid) => reused.push(sid))
  store.generate = (req) => (req.sessionID = 'renewed')
  const req = { sessionID: 'sid', sessionStore: store }
  store.createSession(req, await store.get('sid'))
  assert.equal(await store.renew(req, { grace: 0 }), true)
  const looked = []
  previousStore.get = (sid, callback) => (looked.push(sid), callback(null, null))
  assert.equal(await store.get('sid'), null)
  assert.deepEqual([reused, looked], [['sid'], []])
  assert.equal((await store.get('renewed')).user, 'ada')
})
