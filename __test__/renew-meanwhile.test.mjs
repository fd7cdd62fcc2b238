// A renewal beside what does not end its session: touches, saves, clean-ups, limits, and callers who have given up.
import assert from 'node:assert/strict'
import test from 'node:test'
import { visitorOf } from './parallel-support.mjs'
import { GRACE, OPTIONS, STEPS, adas, living, world } from './renew-support.mjs'
import { failure, load, newSession, onBothEngines, until } from './support.mjs'

test('a cleanup takes nothing that a renewal needs, and what it has left behind when its time is over', async (t) => {
  const { witness, sessions, open } = await world(t)
  const renewing = await open()
  const visitor = await visitorOf(t, renewing)
  for (const [step, isStep] of Object.entries(STEPS)) {
    const { old } = await adas(visitor)
    const reached = renewing.gate.hold(isStep)
    const renewed = visitor.request((req) => renewing.renew(req, GRACE))
    await reached
    assert.equal(await witness.cleanup(), 0)
    renewing.gate.open()
    assert.equal(await renewed, true, step)
    assert.equal(await witness.cleanup(), 0)
    const found = [await witness.get(old), await witness.get(visitor.sid)]
    assert.deepEqual(found.map((session) => session?.user), ['ada', 'ada'], step) // prettier-ignore
    await sessions.updateMany(
      { renewedUntil: { $exists: true } },
      { $set: { renewedUntil: new Date(0) } },
    )
    assert.equal(await witness.cleanup(), 1)
    assert.equal((await witness.get(visitor.sid))?.user, 'ada')
    await witness.clear()
    await witness.cleanup()
  }
})

test('what others do with a session while it is copied is not lost', async (t) => {
  const { witness, open } = await world(t)
  const renewing = await open()
  const visitor = await visitorOf(t, renewing)
  const HOUR_MS = 3_600_000
  const { old } = await adas(visitor)
  await visitor.request(async (req) => {
    const reached = renewing.gate.hold(STEPS['the old id leads there'])
    const renewed = renewing.renew(req, GRACE)
    await reached
    const later = newSession({}, HOUR_MS)
    await witness.touch(old, later)
    const [{ lastSeenAt }] = await witness.devices('ada')
    renewing.gate.open()
    assert.equal(await renewed, true)
    const [device] = await witness.devices('ada')
    assert.deepEqual([device.expires, device.lastSeenAt], [later.cookie._expires, lastSeenAt])
  })
})

test('an old id leads to its session for as long as was said, though the session would have expired', async (t) => {
  const { witness, sessions } = await world(t)
  const visitor = await visitorOf(t, witness, { cookie: { maxAge: 20_000 } })
  const { old } = await adas(visitor)
  await visitor.request((req) => witness.renew(req, GRACE))
  const { expires, renewedUntil } = await sessions.findOne({ _id: old })
  assert.deepEqual(expires, renewedUntil)
})

test('a session that is revealed by somebody else is renewed all the same', async (t) => {
  const { witness, open } = await world(t)
  const renewing = await open()
  const visitor = await visitorOf(t, renewing)
  const { old } = await adas(visitor)
  const reached = renewing.gate.hold(STEPS['it reveals the copy'])
  const renewed = visitor.request((req) => renewing.renew(req, GRACE))
  await reached
  assert.equal((await witness.get(old)).user, 'ada')
  renewing.gate.open()
  assert.equal(await renewed, true)
  assert.notEqual(visitor.sid, old)
  assert.equal((await witness.get(visitor.sid)).user, 'ada')
})

test('a session that is just getting a new id counts once for maxPerUser', async (t) => {
  const two = { ...OPTIONS, maxPerUser: 2, whenFull: 'refuse' }
  const { witness, sessions, open } = await world(t, two)
  const renewing = await open()
  const visitor = await visitorOf(t, renewing)
  for (const [step, isStep] of Object.entries(STEPS)) {
    await adas(visitor)
    const reached = renewing.gate.hold(isStep)
    const renewed = visitor.request((req) => renewing.renew(req, GRACE))
    await reached
    await witness.set('second', newSession({ user: 'ada' }))
    const error = await failure(witness.set('third', newSession({ user: 'ada' })))
    assert.equal(error.code, 'ERR_STORE_TOO_MANY_SESSIONS', step)
    renewing.gate.open()
    assert.equal(await renewed, true, step)
    assert.equal(await living(sessions), 2, step)
    await sessions.deleteMany({})
  }
})

onBothEngines(test, 'a request under way may save where no more log-ins may', async (t, open) => {
  const store = open({ ...OPTIONS, whenFull: 'refuse', save: 'replace' })
  const visitor = await visitorOf(t, store)
  const { old } = await adas(visitor)
  const slow = await load(store, old)
  await visitor.request((req) => store.renew(req, GRACE))
  slow.late = true
  await store.set(old, slow)
  assert.equal((await store.get(visitor.sid)).late, true)
  const error = await failure(store.set('another', newSession({ user: 'ada' })))
  assert.equal(error.code, 'ERR_STORE_TOO_MANY_SESSIONS')
})

test('a renewal goes no further when its caller has been told that it has failed', async (t) => {
  const { witness, sessions, open } = await world(t)
  // The log-in has this time as well, and a busy machine needs some of it.
  const renewing = await open({ operationTimeout: 5000 })
  const visitor = await visitorOf(t, renewing)
  const { old } = await adas(visitor)
  const reached = renewing.gate.hold(STEPS['it places the copy'])
  const told = visitor.request(async (req) => (await failure(renewing.renew(req, GRACE))).code)
  await reached
  await until(async () => renewing.stats().calls.renew.failed === 1, 'the failure')
  renewing.gate.open()
  assert.equal(await told, 'ERR_STORE_TIMEOUT')
  await until(() => renewing.commands.some((command) => command.delete), 'its last command')
  await until(async () => (await sessions.countDocuments()) === 1, 'that the copy is gone')
  assert.equal(renewing.commands.some(STEPS['the old id leads there']), false)
  assert.equal((await witness.get(old)).user, 'ada')
})
