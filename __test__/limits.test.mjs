import assert from 'node:assert/strict'
import test from 'node:test'
import { BSON } from 'mongodb'
import { PATIENT, database, failure, newSession, onBothEngines, openStore } from './support.mjs'

/** An object of that many levels, itself included, around a value. */
function nested(levels, value, wrap = (inner) => ({ a: inner })) {
  let object = wrap(value)
  for (let level = 1; level < levels; level++) object = wrap(object)
  return object
}

const shapes = [
  ['objects', (inner) => ({ a: inner })],
  ['arrays', (inner) => [inner]],
]
for (const [what, wrap] of shapes) {
  for (const value of ['text', new Date(5)]) {
    const kind = typeof value === 'string' ? 'plain' : 'special'
    onBothEngines(test, `${what} nest 178 levels deep, ${kind}`, async (t, open) => {
      const store = open()
      const deep = nested(177, value, wrap)
      await store.set('sid', newSession({ deep }))
      assert.deepStrictEqual((await store.get('sid')).deep, deep)
      assert.equal((await store.all()).length, 1)
    })

    onBothEngines(
      test,
      `${what} deeper than that fail with the limit, ${kind}`,
      async (t, open) => {
        const store = open()
        for (const levels of [178, 500, 5_000]) {
          const error = await failure(
            store.set('sid', newSession({ deep: nested(levels, value, wrap) })),
          )
          assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
          assert.match(error.message, /178 levels deep/)
        }
        assert.equal(await store.get('sid'), null)
      },
    )
  }
}

onBothEngines(test, 'a cycle is an error and nothing is written', async (t, open) => {
  const store = open()
  const own = newSession({ before: 1 })
  own.self = own
  const deep = newSession({ list: [{}] })
  deep.list[0].back = deep.list
  const dated = newSession({ at: new Date(), o: {} })
  dated.o.o = dated.o
  for (const session of [own, deep, dated]) {
    const error = await failure(store.set('sid', session))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.match(error.message, /cycle/)
    const [told] = await new Promise((resolve) => store.set('sid', session, (...a) => resolve(a)))
    assert.equal(told.code, 'ERR_STORE_SERIALIZATION')
  }
  assert.equal(await store.get('sid'), null)
  assert.equal(await store.length(), 0)
})

onBothEngines(test, 'a BigInt of more than 64 bits is an error', async (t, open) => {
  const store = open()
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 10n ** 40n]) {
    const error = await failure(store.set('sid', newSession({ list: [value] })))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.match(error.message, /BigInt/)
  }
  assert.equal(await store.get('sid'), null)
})

onBothEngines(test, 'a getter or toJSON that throws fails the operation', async (t, open) => {
  const store = open()
  const ours = new Error('not now')
  const thrower = () => {
    throw ours
  }
  const getter = Object.defineProperty({}, 'x', { get: thrower, enumerable: true })
  for (const value of [getter, { toJSON: thrower }, { toBSON: thrower }]) {
    assert.equal(await failure(store.set('sid', newSession({ value }))), ours)
  }
  assert.equal(await store.get('sid'), null)
})

const LIMIT = 16 * 1024 * 1024

/** A session whose document takes that many bytes in the database. */
function sized(bytes) {
  // It outlives the work on it, which takes a slow machine minutes.
  const session = newSession({ text: '' }, 3_600_000)
  const expires = session.cookie._expires
  const empty = BSON.calculateObjectSize({ _id: 'sid', expires, session })
  session.text = 'x'.repeat(bytes - empty)
  return session
}

onBothEngines(test, 'a document of exactly 16 MiB is stored', async (t, open) => {
  const store = open(PATIENT)
  for (const bytes of [LIMIT - 1, LIMIT]) {
    const session = sized(bytes)
    await store.set('sid', session)
    assert.equal((await store.get('sid')).text === session.text, true)
  }
})

onBothEngines(test, 'a larger document is an error and changes nothing', async (t, open) => {
  const store = open(PATIENT)
  await store.set('sid', newSession({ text: 'before' }, 3_600_000))
  for (const bytes of [LIMIT + 1, LIMIT + 2, LIMIT + 100_000, 2 * LIMIT]) {
    const error = await failure(store.set('sid', sized(bytes)))
    assert.equal(error.code, 'ERR_STORE_TOO_LARGE')
    assert.match(error.message, /16777216/)
  }
  assert.equal((await store.get('sid')).text, 'before')
})

onBothEngines(test, 'a session too large does not harm others of its time', async (t, open) => {
  const store = open(PATIENT)
  const sets = []
  for (let n = 0; n < 50; n++) sets.push(store.set(`sid${n}`, newSession({ n }, 3_600_000)))
  const refused = failure(store.set('large', sized(LIMIT + 1)))
  for (let n = 50; n < 100; n++) sets.push(store.set(`sid${n}`, newSession({ n }, 3_600_000)))
  await Promise.all(sets)
  assert.equal((await refused).code, 'ERR_STORE_TOO_LARGE')
  assert.equal(await store.length(), 100)
})

test('a list too long for any document is refused early', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const list = new Array(100_000_000)
  const error = await failure(store.set('sid', newSession({ list })))
  assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
  assert.match(error.message, /elements/)
})
