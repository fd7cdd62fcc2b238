// Parallel requests of one browser. All of them have loaded the session before one of them saves.
import assert from 'node:assert/strict'
import { onBothApps, reload, save } from './parallel-support.mjs'
import { isLong } from './support.mjs'

/** One is enough for a store that loses changes, see below. */
const ROUNDS = isLong ? 200 : 30

onBothApps(
  `parallel changes of different keys all survive, ${ROUNDS} times`,
  {},
  async (t, visitor) => {
    await visitor.login({ a: 0, b: 0 })
    for (let round = 1; round <= ROUNDS; round++) {
      await visitor.atOnce(
        (session) => void (session.a = round),
        (session) => void (session.b = round),
      )
      assert.deepEqual(await visitor.data(), { a: round, b: round })
    }
  },
)

onBothApps('keys that ten parallel requests add are all there', {}, async (t, visitor) => {
  await visitor.login()
  const keys = Array.from({ length: 10 }, (_, index) => `key${index}`)
  await visitor.atOnce(...keys.map((key) => (session) => void (session[key] = key)))
  const added = Object.fromEntries(keys.map((key) => [key, key]))
  assert.deepEqual(await visitor.data(), { user: 'ada', ...added })
})

onBothApps(
  'with save: replace a parallel change is lost',
  { save: 'replace' },
  async (t, visitor) => {
    await visitor.login({ a: 0, b: 0 })
    await visitor.inTurn(
      (session) => void (session.a = 1),
      (session) => void (session.b = 1),
    )
    assert.deepEqual(await visitor.data(), { a: 0, b: 1 })
  },
)

onBothApps('of parallel changes of one key the later save stays', {}, async (t, visitor) => {
  await visitor.login({ a: 0 })
  for (let round = 1; round <= 20; round++) {
    await visitor.inTurn(
      (session) => void (session.a = `first ${round}`),
      (session) => void (session.a = `second ${round}`),
    )
    assert.deepEqual(await visitor.data(), { a: `second ${round}` })
  }
})

onBothApps('adding, changing and removing in parallel all happen', {}, async (t, visitor) => {
  await visitor.login({ change: 1, remove: 1, stay: 1 })
  await visitor.atOnce(
    (session) => void (session.add = 2),
    (session) => void (session.change = 2),
    (session) => void delete session.remove,
  )
  assert.deepEqual(await visitor.data(), { change: 2, stay: 1, add: 2 })
})

onBothApps('a removed key is not brought back by a later save', {}, async (t, visitor) => {
  await visitor.login({ secret: 1, other: 1 })
  await visitor.inTurn(
    (session) => void delete session.secret,
    (session) => void (session.other = 2),
  )
  assert.deepEqual(await visitor.data(), { other: 2 })
})

onBothApps(
  'a key that is removed and changed is as the later save has it',
  {},
  async (t, visitor) => {
    const remove = (session) => void delete session.a
    const change = (session) => void (session.a = 2)
    await visitor.login({ a: 1 })
    await visitor.inTurn(remove, change)
    assert.deepEqual(await visitor.data(), { a: 2 })
    await visitor.login({ a: 1 })
    await visitor.inTurn(change, remove)
    assert.deepEqual(await visitor.data(), {})
  },
)

onBothApps('a key that is set to undefined is removed', {}, async (t, visitor) => {
  await visitor.login({ a: 1, b: 1 })
  await visitor.inTurn(
    (session) => void (session.a = undefined),
    (session) => void (session.b = 2),
  )
  assert.deepEqual(await visitor.data(), { b: 2 })
})

onBothApps('several saves in one request undo nothing in between', {}, async (t, visitor) => {
  await visitor.login({ mine: 0, theirs: 0 })
  await visitor.request(async (req) => {
    for (let step = 1; step <= 3; step++) {
      req.session.mine = step
      await save(req)
      await visitor.request(({ session }) => void (session.theirs = session.mine * 10))
    }
    req.session.last = true
  })
  assert.deepEqual(await visitor.data(), { mine: 3, theirs: 30, last: true })
})

onBothApps('what one save has written the next one leaves alone', {}, async (t, visitor) => {
  await visitor.login({ a: 1 })
  await visitor.request(async (req) => {
    req.session.a = 2
    await save(req)
    await visitor.request(({ session }) => void (session.a = 3))
    req.session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 3, b: 1 })
})

onBothApps(
  'what the first save of a new session wrote is left alone too',
  {},
  async (t, visitor) => {
    await visitor.request(async (req) => {
      req.session.a = 1
      await save(req)
      const other = visitor.store.createSession(
        { sessionID: req.sessionID, sessionStore: visitor.store },
        await visitor.store.get(req.sessionID),
      )
      other.a = 2
      await visitor.store.set(req.sessionID, other)
      req.session.b = 1
    })
    assert.deepEqual(await visitor.data(), { a: 2, b: 1 })
  },
)

onBothApps('a change that is taken back in a second save is taken back', {}, async (t, visitor) => {
  await visitor.login({ a: 1 })
  await visitor.request(async (req) => {
    req.session.a = 2
    req.session.b = 2
    await save(req)
    req.session.a = 1
    delete req.session.b
  })
  assert.deepEqual(await visitor.data(), { a: 1 })
})

onBothApps('after a reload only what changed since is written', {}, async (t, visitor) => {
  await visitor.login({ a: 0, b: 0 })
  await visitor.request(async (req) => {
    req.session.a = 'dropped by the reload'
    await visitor.request(({ session }) => void Object.assign(session, { a: 1, b: 1 }))
    const session = await reload(req)
    await visitor.request(({ session }) => void (session.a = 2))
    session.b = 2
  })
  assert.deepEqual(await visitor.data(), { a: 2, b: 2 })
})

onBothApps('changes deep inside of different keys both survive', {}, async (t, visitor) => {
  await visitor.login({ cart: { items: [{ id: 1 }] }, seen: [[1], [2]] })
  await visitor.atOnce(
    (session) => void session.cart.items.push({ id: 2 }),
    (session) => void (session.seen[1][0] = 3),
  )
  assert.deepEqual(await visitor.data(), {
    cart: { items: [{ id: 1 }, { id: 2 }] },
    seen: [[1], [3]],
  })
})

onBothApps('inside of one key the later save wins as a whole', {}, async (t, visitor) => {
  await visitor.login({ cart: {} })
  await visitor.inTurn(
    (session) => void (session.cart.apples = 1),
    (session) => void (session.cart.pears = 1),
  )
  assert.deepEqual(await visitor.data(), { cart: { pears: 1 } })
})

// Not a BigInt: express-session itself cannot tell whether such a session has changed.
const TYPES = [1, '1', true, null, [1], { 0: 1 }, new Date(1), Buffer.from('1'), -0, NaN, '']

onBothApps('a value that only changes its type is a change', {}, async (t, visitor) => {
  await visitor.login({ other: 0 })
  for (const [index, value] of TYPES.entries()) {
    await visitor.inTurn(
      (session) => void (session.a = value),
      (session) => void (session.other = index),
    )
    const { a, other } = await visitor.data()
    assert.deepEqual(a, value)
    assert.ok(Object.is(other, index))
  }
})

onBothApps(
  'values of every type are left alone when another key changes',
  {},
  async (t, visitor) => {
    const values = Object.fromEntries(TYPES.map((value, index) => [`key${index}`, value]))
    await visitor.login({ ...values, other: 0 })
    const replaced = Object.fromEntries(Object.keys(values).map((key) => [key, 'replaced']))
    await visitor.inTurn(
      (session) => void Object.assign(session, replaced),
      (session) => void (session.other = 1),
    )
    assert.deepEqual(await visitor.data(), { ...replaced, other: 1 })
  },
)
