// A renewal beside whatever ends sessions: each end at each step of it, and each step between the parts of an end.
// A proxy holds the command that is the next step, or the next part.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { KEY } from './encryption-support.mjs'
import { visitorOf } from './parallel-support.mjs'
import { GRACE, OPTIONS, STEPS, adas, living, visitorWith, world } from './renew-support.mjs'
import { newSession, onBothEngines } from './support.mjs'

/** Whatever ends the session of Ada, known by an id, by a handle, or by what it holds. */
const ENDS = {
  destroy: (store, { old }) => store.destroy(old),
  flagDeletion: (store, { old }) => store.flagDeletion(old),
  destroyByUser: (store) => store.destroyByUser('ada'),
  revoke: (store, { handle }) => store.revoke('ada', handle),
  revokeOthers: (store) => store.revokeOthers('ada', 'somewhere else'),
  'destroyMany by a key': (store) => store.destroyMany({ user: 'ada' }),
  'destroyMany by an index': (store) => store.destroyMany({ tenant: 'acme' }),
  clear: (store) => store.clear(),
  'flagDeletion of all': (store) => store.flagDeletion(null),
  'a log-in with maxPerUser': (store) => store.set(randomUUID(), newSession({ user: 'ada' })),
}

for (const [name, end] of Object.entries(ENDS)) {
  const left = name.startsWith('a log-in') ? 1 : 0

  test(`a session that is just getting a new id in another process is ended by ${name}`, async (t) => {
    const { witness, sessions, open } = await world(t)
    const renewing = await open()
    const visitor = await visitorWith(t, renewing)
    for (const [step, isStep] of Object.entries(STEPS)) {
      const names = await adas(visitor, witness)
      const reached = renewing.gate.hold(isStep)
      const renewed = visitor.request((req) => renewing.renew(req, GRACE))
      await reached
      await end(witness, names)
      renewing.gate.open()
      assert.equal(await renewed, false, step)
      const to = visitor.ids.at(-1)
      assert.notEqual(to, names.old)
      const found = [await witness.get(names.old), await witness.get(to)]
      assert.deepEqual(found, [null, null], step)
      assert.equal(await living(sessions), left, step)
      await sessions.deleteMany({})
    }
  })

  test(`a session that has got a new id since it was looked for is ended by ${name}`, async (t) => {
    const { witness, sessions, open } = await world(t)
    const ending = await open()
    const visitor = await visitorOf(t, witness)
    const names = await adas(visitor, witness)
    const reached = ending.gate.hold(
      ({ updates }) => updates?.some(({ u }) => u.$set?.deleted === true) ?? false,
    )
    const ended = end(ending, names)
    await reached
    assert.equal(await visitor.request((req) => witness.renew(req, GRACE)), true)
    // And once more.
    assert.equal(await visitor.request((req) => witness.renew(req, GRACE)), true)
    ending.gate.open()
    await ended
    const found = [await witness.get(names.old), await witness.get(visitor.sid)]
    assert.deepEqual(found, [null, null])
    assert.equal(await living(sessions), left)
  })

  onBothEngines(
    test,
    `a session is ended by ${name} that is called beside its renewal`,
    async (t, openHere) => {
      const store = openHere(OPTIONS)
      const visitor = await visitorOf(t, store)
      for (const isFirst of [true, false]) {
        const names = await adas(visitor, store)
        let to
        await visitor.request(async (req) => {
          const calls = [() => store.renew(req, GRACE), () => end(store, names)]
          if (!isFirst) calls.reverse()
          const answers = await Promise.all(calls.map((call) => call()))
          to = req.sessionID
          // Calls for one session take effect in their order; the log-in is another one.
          if (!isFirst && left === 0) assert.equal(answers[1], false)
        })
        assert.deepEqual([await store.get(names.old), await store.get(to)], [null, null])
        assert.equal(await store.length(), left)
        await store.clear()
      }
    },
  )
}

const WAYS = {
  'hashIds and encryption': { hashIds: true, prefix: 'app:', encryption: { keys: [KEY] } },
  fields: { fields: { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' } },
}

for (const [name, options] of Object.entries(WAYS)) {
  test(`a log-out everywhere ends what has got a new id since it was looked for, with ${name}`, async (t) => {
    const { witness, sessions, open } = await world(t, { ...OPTIONS, ...options })
    const ending = await open()
    const visitor = await visitorOf(t, witness)
    const flag = options.fields?.deleted ?? 'deleted'
    for (const end of ['destroyByUser', 'revoke', 'destroyMany by an index', 'clear']) {
      const names = await adas(visitor, witness)
      const isFlag = ({ u }) => u.$set?.[flag] === true
      const reached = ending.gate.hold(({ updates }) => updates?.some(isFlag) ?? false)
      const ended = ENDS[end](ending, names)
      await reached
      assert.equal(await visitor.request((req) => witness.renew(req, GRACE)), true)
      ending.gate.open()
      await ended
      const found = [await witness.get(names.old), await witness.get(visitor.sid)]
      assert.deepEqual(found, [null, null], end)
      assert.equal(await living(sessions, flag), 0, end)
    }
  })
}

const SPARING = {
  revokeOthers: (store, sid) => store.revokeOthers('ada', sid),
  'destroyByUser with except': (store, sid) => store.destroyByUser('ada', { except: sid }),
}

for (const [name, end] of Object.entries(SPARING)) {
  test(`${name} spares a session that is just getting a new id`, async (t) => {
    const { witness, open } = await world(t, { ...OPTIONS, maxPerUser: undefined })
    const [renewing, ending] = [await open(), await open()]
    const visitor = await visitorOf(t, renewing)
    const parts = {
      'before it reads the ids': ({ find, sort }) => find !== undefined && sort !== undefined,
      'before it flags one': ({ updates }) => updates?.[0].u.$set?.deleted === true,
    }
    for (const [step, isStep] of Object.entries(STEPS)) {
      for (const [part, isPart] of Object.entries(parts)) {
        const { old } = await adas(visitor)
        await witness.set('elsewhere', newSession({ user: 'ada' }))
        const reached = renewing.gate.hold(isStep)
        const renewed = visitor.request((req) => renewing.renew(req, GRACE))
        await reached
        const ready = ending.gate.hold(isPart)
        const ended = end(ending, old)
        await ready
        renewing.gate.open()
        assert.equal(await renewed, true)
        ending.gate.open()
        assert.equal(await ended, 1)
        const found = [await witness.get(old), await witness.get(visitor.sid)]
        assert.deepEqual(found.map((session) => session?.user), ['ada', 'ada'], `${step}, ${part}`) // prettier-ignore
        assert.equal(await witness.get('elsewhere'), null)
        await witness.clear()
        await witness.cleanup()
      }
    }
  })
}

/** More sessions than an end of many looks for at once, between the two ids of one that is renewed. */
async function crowd(sessions) {
  const expires = new Date(Date.now() + 600_000)
  const sids = Array.from({ length: 700 }, (_, at) => `m-${String(at).padStart(3, '0')}`)
  const session = { cookie: { _expires: expires, originalMaxAge: 600_000 }, user: 'ada' }
  await sessions.insertMany(sids.map((_id) => ({ _id, expires, session, userId: 'ada' })))
}

const isSecondPage = ({ find, sort, filter }) =>
  find !== undefined && sort !== undefined && filter._id?.$gt !== undefined

for (const end of ['destroyByUser', 'destroyMany by a key', 'clear']) {
  test(`${end} of many ends a session that moves to where it has looked already`, async (t) => {
    const { witness, sessions, open } = await world(t, { ...OPTIONS, maxPerUser: undefined })
    await crowd(sessions)
    const ending = await open()
    const visitor = await visitorWith(t, witness, 'z', 'a')
    await adas(visitor)
    const reached = ending.gate.hold(isSecondPage)
    const ended = ENDS[end](ending, {})
    await reached
    assert.equal(await visitor.request((req) => witness.renew(req, GRACE)), true)
    assert.equal(visitor.sid, 'a')
    ending.gate.open()
    await ended
    assert.deepEqual([await witness.get('z'), await witness.get('a')], [null, null])
    assert.equal(await living(sessions), 0)
  })
}

test('a log-in behind a log-out everywhere stays, though it gets a new id at once', async (t) => {
  const { witness, sessions, open } = await world(t, { ...OPTIONS, maxPerUser: undefined })
  await crowd(sessions)
  const store = await open()
  const visitor = await visitorWith(t, store, 'z', 'x')
  const reached = store.gate.hold(isSecondPage)
  const ended = store.destroyByUser('ada')
  await reached
  await adas(visitor)
  assert.equal(await visitor.request((req) => store.renew(req, GRACE)), true)
  store.gate.open()
  await ended
  assert.equal((await witness.get('x'))?.user, 'ada')
  assert.equal(await living(sessions), 1)
})
