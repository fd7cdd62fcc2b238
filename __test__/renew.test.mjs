// renew: a new id for the same session, which requests that are under way still reach by the old one.
import assert from 'node:assert/strict'
import test from 'node:test'
import { KEY } from './encryption-support.mjs'
import { barrier, visitorOf } from './parallel-support.mjs'
import { database, failure, load, newSession, onBothEngines, openStore, until } from './support.mjs'

const userId = (session) => session.user
const GRACE = { grace: 60_000 }

const WAYS = {
  'nothing else': {},
  hashIds: { hashIds: true, prefix: 'app:' },
  encryption: { encryption: { keys: [KEY] } },
  decryptOnly: { encryption: { keys: [KEY], acceptUnencrypted: true, decryptOnly: true } },
  stringify: { stringify: true },
  "save: 'replace'": { save: 'replace' },
  'userId and device': { userId, device: true, maxPerUser: 3 },
  fields: { fields: { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' } },
  'absoluteTimeout and timestamps': { absoluteTimeout: 3_600_000, timestamps: true },
}

for (const [name, options] of Object.entries(WAYS)) {
  onBothEngines(
    test,
    `requests under way keep their changes and the log-in, with ${name}`,
    async (t, open) => {
      const store = open({ ...options, deleteFlags: true })
      const visitor = await visitorOf(t, store)
      const old = await visitor.login({ user: 'ada', 'a.b': 1 })
      const [before, after] = [barrier(2), barrier(2)]
      const slow = visitor.request(async ({ session }) => {
        await before()
        await after()
        session.slow = true
        session['a.b'] = 2
      })
      await visitor.request(async (req) => {
        await before()
        assert.equal(await store.renew(req, GRACE), true)
        assert.notEqual(req.sessionID, old)
        assert.equal(req.session.id, req.sessionID)
        req.session.fast = true
      })
      const { sid } = visitor
      await after()
      await slow
      assert.notEqual(sid, old)
      const expected = { user: 'ada', 'a.b': 2, slow: true, fast: true }
      // Whoever saves whole sessions undoes what others do beside it.
      if (options.save || options.stringify) delete expected.fast
      const { cookie: _cookie, ...data } = await store.get(sid)
      assert.deepEqual(data, expected)
      const { cookie: _other, ...same } = await store.get(old)
      assert.deepEqual(same, data)
      assert.equal(await store.length(), 1)
      if (options.device) {
        const devices = await store.devices('ada', { current: sid })
        assert.deepEqual(devices.map(({ current }) => current), [true]) // prettier-ignore
        assert.match(devices[0].handle, /^[\w-]{22}$/)
      }
      assert.deepEqual(store.events, [])
    },
  )

  onBothEngines(test, `a log-out ends both, with ${name}`, async (t, open) => {
    const store = open({ ...options, deleteFlags: true })
    for (const ends of ['old', 'new']) {
      const visitor = await visitorOf(t, store)
      const old = await visitor.login({ user: 'ada' })
      await visitor.request((req) => store.renew(req, GRACE))
      const { sid } = visitor
      const late = [await load(store, old), await load(store, sid)]
      await store.destroy(ends === 'old' ? old : sid)
      assert.deepEqual([await store.get(old), await store.get(sid)], [null, null], ends)
      for (const [at, session] of late.entries()) {
        session.late = true
        await store.set(at === 0 ? old : sid, session)
      }
      await store.set(old, newSession({ user: 'ada' }))
      assert.deepEqual([await store.get(old), await store.get(sid)], [null, null], ends)
      assert.equal(await store.length(), 0)
    }
  })
}

onBothEngines(
  test,
  'after the time of grace the old id is dead, and its use is told',
  async (t, open) => {
    const store = open({ deleteFlags: true })
    const reused = []
    store.on('reuse', (sid) => reused.push(sid))
    const visitor = await visitorOf(t, store)
    const old = await visitor.login({ user: 'ada' })
    const slow = await load(store, old)
    await visitor.request((req) => store.renew(req, { grace: 0 }))
    assert.equal(await store.get(old), null)
    await until(() => reused.length > 0, 'the event')
    assert.deepEqual(reused, [old])
    slow.late = true
    await store.set(old, slow)
    await until(() => store.events.length > 0, 'the discard')
    assert.deepEqual(store.events, [{ name: 'discard', value: old }])
    const session = await store.get(visitor.sid)
    assert.deepEqual([session.user, session.late], ['ada', undefined])
    // A log-out is heard all the same: somebody has asked for it.
    await store.destroy(old)
    assert.equal(await store.get(visitor.sid), null)
  },
)

onBothEngines(
  test,
  'to ask which device is the current one is no use of an old id, and an update is one',
  async (t, open) => {
    const store = open({ deleteFlags: true, userId, device: true })
    const heard = []
    for (const event of ['get', 'reuse']) store.on(event, (sid) => heard.push([event, sid]))
    const visitor = await visitorOf(t, store)
    const old = await visitor.login({ user: 'ada' })
    await visitor.request((req) => store.renew(req, { grace: 0 }))
    heard.length = 0
    const [{ current }] = await store.devices('ada', { current: old })
    assert.equal(current, false)
    assert.deepEqual(heard, [])
    assert.equal(await store.update(old, () => {}), null)
    await until(() => heard.length > 0, 'the event')
    assert.deepEqual(heard, [['reuse', old]])
  },
)

test('requests in another process reach it, too', async (t) => {
  const { uri, sessions } = await database(t)
  const options = { uri, deleteFlags: true, hashIds: true, encryption: { keys: [KEY] } }
  const [one, other] = [openStore(t, options), openStore(t, options)]
  const visitor = await visitorOf(t, one)
  const old = await visitor.login({ user: 'ada' })
  const slow = await load(other, old)
  await visitor.request((req) => one.renew(req, GRACE))
  slow.late = true
  await other.set(old, slow)
  assert.equal((await one.get(visitor.sid)).late, true)
  assert.equal((await other.get(old)).user, 'ada')
  await other.update(old, (session) => {
    session.count = 1
  })
  assert.equal((await one.get(visitor.sid)).count, 1)
  await other.destroy(old)
  assert.equal(await one.get(visitor.sid), null)
  assert.equal(await sessions.countDocuments({ deleted: { $ne: true } }), 0)
})

test('the old document leads to the new one, and holds nothing else of the session', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, deleteFlags: true, userId, device: true })
  const visitor = await visitorOf(t, store)
  const old = await visitor.login({ user: 'ada' })
  const before = await sessions.findOne()
  await visitor.request((req) => store.renew(req, GRACE))
  const { sid } = visitor
  const pointer = await sessions.findOne({ _id: old })
  assert.deepEqual(
    Object.keys(pointer).sort(),
    ['_id', 'createdAt', 'deleted', 'expires', 'renewedTo', 'renewedUntil'],
  ) // prettier-ignore
  assert.equal(pointer.renewedTo, sid)
  const after = await sessions.findOne({ _id: sid })
  assert.deepEqual(Object.keys(after).sort(), Object.keys(before).sort())
  assert.equal(after.handle, before.handle)
})

/** Leaves a session as a process would that ends between two steps of a renewal, around its moment. */
async function interrupted(sessions, stops) {
  const { _id, ...copy } = await sessions.findOne()
  await sessions.insertOne({ _id: 'new', ...copy, deleted: true, renewedFrom: _id })
  if (stops === 'before') return
  const set = { deleted: true, renewedTo: 'new', renewedUntil: new Date(Date.now() + 60_000) }
  await sessions.updateOne({ _id }, { $set: set, $unset: { session: 1, userId: 1 } })
}

for (const stops of ['before', 'behind']) {
  test(`whoever stops ${stops} the moment of the renewal leaves one session`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, deleteFlags: true, userId })
    await store.set('old', newSession({ user: 'ada' }))
    await interrupted(sessions, stops)
    assert.equal(await store.get('new'), null)
    assert.equal((await store.get('old')).user, 'ada')
    assert.equal(await store.length(), 1)
    assert.equal((await store.get('new'))?.user, stops === 'behind' ? 'ada' : undefined)
  })

  test(`a log-out everywhere finds what ${stops} that moment was left`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, deleteFlags: true, userId })
    await store.set('old', newSession({ user: 'ada' }))
    await interrupted(sessions, stops)
    await store.destroyByUser('ada')
    assert.deepEqual([await store.get('old'), await store.get('new')], [null, null])
  })
}

for (const [name, options] of Object.entries({
  'nothing else': {},
  'hashIds and encryption': { hashIds: true, prefix: 'app:', encryption: { keys: [KEY] } },
  fields: WAYS.fields,
})) {
  onBothEngines(
    test,
    `a request under way knows its session among those of its user, and spares it, with ${name}`,
    async (t, open) => {
      const store = open({ ...options, deleteFlags: true, userId, device: true })
      const [visitor, other] = [await visitorOf(t, store), await visitorOf(t, store)]
      const old = await visitor.login({ user: 'ada' })
      const [{ handle }] = await store.devices('ada')
      for (const end of [
        () => store.revokeOthers('ada', old),
        () => store.destroyByUser('ada', { except: old }),
      ]) {
        await other.login({ user: 'ada' })
        await visitor.request((req) => store.renew(req, GRACE))
        const devices = await store.devices('ada', { current: old })
        const current = devices.filter((device) => device.current)
        assert.deepEqual([devices.length, current.map((device) => device.handle)], [2, [handle]])
        assert.equal(await end(), 1)
        assert.equal(await store.get(other.sid), null)
        assert.equal((await store.get(visitor.sid)).user, 'ada')
        assert.equal((await store.get(old)).user, 'ada')
      }
      // An id that leads nowhere is nobody's.
      await store.destroy(old)
      await other.login({ user: 'ada' })
      const [{ current }] = await store.devices('ada', { current: old })
      assert.equal(current, false)
      assert.equal(await store.revokeOthers('ada', old), 1)
    },
  )
}

onBothEngines(test, 'of two requests that renew at once one does', async (t, open) => {
  const store = open({ deleteFlags: true })
  const visitor = await visitorOf(t, store)
  const old = await visitor.login({ user: 'ada' })
  const meet = barrier(2)
  const renew = async (req) => {
    await meet()
    return [await store.renew(req, GRACE), req.sessionID === old]
  }
  const answers = await Promise.all([visitor.request(renew), visitor.request(renew)])
  assert.deepEqual(answers.sort(), [[false, true], [true, false]]) // prettier-ignore
  assert.equal(await store.length(), 1)
})

onBothEngines(test, 'an id may be given up again and again', async (t, open) => {
  const store = open({ deleteFlags: true })
  const visitor = await visitorOf(t, store)
  const first = await visitor.login({ user: 'ada' })
  for (let round = 0; round < 3; round++) await visitor.request((req) => store.renew(req, GRACE))
  const session = await load(store, first)
  assert.equal(session.user, 'ada')
  session.late = true
  await store.set(first, session)
  assert.equal((await store.get(visitor.sid)).late, true)
  await store.destroy(first)
  assert.equal(await store.get(visitor.sid), null)
})

onBothEngines(test, 'what has ended or was never saved is not renewed', async (t, open) => {
  const store = open({ deleteFlags: true })
  const visitor = await visitorOf(t, store)
  assert.equal(await visitor.request((req) => store.renew(req)), false)
  const sid = await visitor.login()
  await visitor.request(async (req) => {
    await store.destroy(sid)
    assert.equal(await store.renew(req), false)
    assert.equal(req.sessionID, sid)
  })
  assert.equal(await store.length(), 0)
})

onBothEngines(test, 'what cannot be meant is refused', async (t, open) => {
  const store = open({ deleteFlags: true })
  const visitor = await visitorOf(t, store)
  await visitor.request(async (req) => {
    for (const args of [
      [],
      [{}],
      [req, 5],
      [req, { grace: -1 }],
      [req, { grace: '5' }],
      [req, { graze: 5 }],
    ]) {
      // prettier-ignore
      assert.ok((await failure(store.renew(...args))) instanceof TypeError)
    }
    const told = await new Promise((resolve) => store.renew(req, (...answer) => resolve(answer)))
    assert.deepEqual(told, [null, false])
  })
  const error = await failure(open({}).renew({ sessionID: 'sid', session: {} }))
  assert.match(error.message, /'deleteFlags'/)
})
