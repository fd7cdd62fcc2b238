import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Random } from '../soak/random.mjs'
import { PATIENT, isLong, newSession, onBothEngines } from './support.mjs'

onBothEngines(test, 'a get sees the set before it, awaited or not', async (t, open) => {
  // One after the other, two hundred answers take a busy machine some time.
  const store = open(PATIENT)
  const answers = []
  for (let n = 0; n < 100; n++) {
    store.set('sid', newSession({ n }))
    answers.push(store.get('sid'))
  }
  assert.deepEqual(
    (await Promise.all(answers)).map(({ n }) => n),
    answers.map((_, n) => n),
  )
})

onBothEngines(test, 'a get does not see the set after it', async (t, open) => {
  const store = open()
  const before = store.get('sid')
  store.set('sid', newSession())
  assert.equal(await before, null)
})

onBothEngines(test, 'of many sets the last one stays', async (t, open) => {
  const store = open(PATIENT)
  const session = (n) => newSession({ n }, 3_600_000)
  const sets = Array.from({ length: 700 }, (_, n) => store.set(`sid${n % 7}`, session(n)))
  await Promise.all(sets)
  for (let index = 0; index < 7; index++) {
    const { n } = await store.get(`sid${index}`)
    assert.ok(n >= 693 && n % 7 === index)
  }
})

onBothEngines(test, 'set and destroy take effect in the order of calls', async (t, open) => {
  const store = open()
  store.set('gone', newSession())
  store.destroy('gone')
  store.destroy('here')
  store.set('here', newSession())
  assert.equal(await store.get('gone'), null)
  assert.notEqual(await store.get('here'), null)
})

onBothEngines(test, 'clear ends what was set before and not what is set after', async (t, open) => {
  const store = open()
  store.set('before', newSession())
  const first = store.length()
  store.clear()
  const second = store.length()
  const gone = store.get('before')
  store.set('after', newSession())
  const third = store.length()
  // Counts see what was called before them, and perhaps what is called while they are under way.
  assert.ok((await first) <= 2)
  assert.ok((await second) <= 1)
  assert.equal(await gone, null)
  assert.equal(await third, 1)
  assert.notEqual(await store.get('after'), null)
})

onBothEngines(test, 'all and length see every set before them', async (t, open) => {
  const store = open()
  for (let n = 0; n < 50; n++) store.set(`sid${n}`, newSession({ n }))
  const [count, sessions] = await Promise.all([store.length(), store.all()])
  assert.equal(count, 50)
  assert.equal(new Set(sessions.map(({ n }) => n)).size, 50)
})

onBothEngines(test, 'answers on one session come in the order of calls', async (t, open) => {
  const store = open()
  const order = []
  const calls = ['set', 'get', 'touch', 'touch', 'get', 'get', 'destroy', 'set', 'destroy', 'get']
  await Promise.all(
    calls.map((verb, index) => {
      const args = verb === 'set' || verb === 'touch' ? [newSession()] : []
      return new Promise((resolve) => store[verb]('sid', ...args, () => resolve(order.push(index))))
    }),
  )
  assert.deepEqual(
    order,
    calls.map((_, index) => index),
  )
})

const SEEDS = isLong ? 100 : 8

for (let seed = 1; seed <= SEEDS; seed++) {
  onBothEngines(
    test,
    `any sequence of calls means the same unawaited, ${seed}`,
    async (t, open) => {
      const store = open(PATIENT)
      const random = new Random(seed)
      const pick = (count) => random.below(count)
      const model = new Model()
      const checks = []
      for (let step = 0; step < 250; step++) {
        checks.push(call(store, model, step, pick))
        if (pick(40) === 0) await nextTurn()
        if (pick(60) === 0) await checks[pick(checks.length)]
      }
      await Promise.all(checks)
      for (const sid of SIDS) {
        assertSession(await store.get(sid), model.state(sid), `${sid} at the end`)
      }
    },
  )
}

const SIDS = ['a', 'b', 'c', 'd', 'e']

/** Calls a method picked at random; what it answers is checked against the model. */
function call(store, model, step, pick) {
  const sid = SIDS[pick(SIDS.length)]
  const what = `step ${step}, ${sid}`
  const kind = pick(100)
  if (kind < 30) {
    const expected = model.state(sid)
    return store.get(sid).then((session) => assertSession(session, expected, what))
  }
  if (kind < 60) {
    const session = newSession({ step }, lifetime(step, pick))
    model.write(sid, { step, expires: session.cookie._expires, cookie: session.cookie._expires })
    return store.set(sid, session)
  }
  if (kind < 78) {
    const session = newSession({ step }, lifetime(step, pick))
    const before = model.stored(sid)
    if (before) model.write(sid, { ...before, expires: session.cookie._expires })
    return store.touch(sid, session)
  }
  if (kind < 92) {
    model.write(sid, null)
    return store.destroy(sid)
  }
  if (kind < 94) {
    for (const each of SIDS) model.write(each, null)
    return store.clear()
  }
  const since = model.time
  if (kind < 97) {
    return store.length().then((count) => {
      const possible = SIDS.map((each) => model.since(each, since))
      const most = possible.filter((states) => states.some(Boolean)).length
      const least = possible.filter((states) => states.every(Boolean)).length
      assert.ok(count >= least && count <= most, `${what}: length ${count}`)
    })
  }
  return store.all().then((sessions) => {
    const known = new Set(SIDS.flatMap((each) => model.since(each, since)).map((s) => s?.step))
    for (const session of sessions) assert.ok(known.has(session.step), `${what}: all`)
    const certain = SIDS.map((each) => model.since(each, since)).filter((s) => s.every(Boolean))
    assert.ok(sessions.length >= certain.length, `${what}: all misses sessions`)
  })
}

/** Far from the present on either side, and different in every step. */
function lifetime(step, pick) {
  return pick(5) === 0 ? -1_000_000 + step : 1_000_000 + step
}

/** What each session is after each call. */
class Model {
  time = 0
  history = new Map(SIDS.map((sid) => [sid, [{ time: 0, stored: null }]]))

  write(sid, stored) {
    this.history.get(sid).push({ time: ++this.time, stored })
  }

  stored(sid) {
    return this.history.get(sid).at(-1).stored
  }

  state(sid) {
    return live(this.stored(sid))
  }

  /** Every state that a session has had since a moment. */
  since(sid, time) {
    const history = this.history.get(sid)
    const first = history.findLastIndex((entry) => entry.time <= time)
    return history.slice(first).map(({ stored }) => live(stored))
  }
}

function live(stored) {
  return stored !== null && stored.expires > new Date() ? stored : null
}

function assertSession(session, expected, what) {
  assert.equal(session?.step, expected?.step, what)
  if (expected === null) return
  const expires = Math.max(expected.expires.getTime(), expected.cookie.getTime())
  assert.equal(session.cookie.expires.getTime(), expires, what)
}
