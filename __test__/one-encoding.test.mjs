// A session is written in one way, whatever stands beside a value and however it is saved.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Binary, Decimal128, Double, Long, ObjectId, Timestamp } from 'mongodb'
import { database, isLong, load, newSession, openStore } from './support.mjs'

const RUNS = isLong ? 1000 : 80

class Point {
  x = 1
  at = new Date(3)
}

/** Values of every kind, each made anew. */
const KINDS = [
  () => undefined,
  () => null,
  () => () => {},
  () => Symbol('s'),
  () => NaN,
  () => -0,
  () => 5n,
  () => 1.5,
  () => 'text',
  () => new Date(7),
  () => new Date(NaN),
  () => new ObjectId('507f1f77bcf86cd799439011'),
  () => Decimal128.fromString('1.5'),
  () => Long.fromString('9007199254740993'),
  () => new Double(5),
  () => new Timestamp({ t: 1, i: 2 }),
  () => new Binary(Buffer.from('x'), 9),
  () => Buffer.from('buffer'),
  () => new Uint16Array([1, 2]),
  () => new ArrayBuffer(3),
  () => /a/gi,
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new Error('x'),
  () => new Point(),
  () => Object(5),
  () => Object(-0),
  () => Object(5n),
  () => Object('s'),
  () => Object(false),
  () => new URL('http://a/b'),
  () => Object.assign(Object.create(null), { a: new Date(1), b: 1 }),
  () => [1, , new Date(1)], // eslint-disable-line no-sparse-arrays
  () => Object.assign([1], { toJSON: () => [2, null] }),
  () => ({ toJSON: (key) => ({ key, at: new Date(2) }) }),
  () => ({ toBSON: () => ({ at: new Date(2), toJSON: () => 'not asked again' }) }),
  () => ({ toJSON: () => 'json', toBSON: () => 'bson' }),
  () => Object.assign(() => {}, { toJSON: () => [null] }),
  () => JSON.rawJSON?.('123') ?? 123,
  () => JSON.rawJSON?.('null') ?? null,
  () => JSON.rawJSON?.('"text"') ?? 'text',
  () => (globalThis.Float16Array ? new Float16Array([1.5]) : 1.5),
]

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...KINDS).map((make) => make()),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', '7', '__proto__', 'cookie', '"'), tie('value'), {
      maxKeys: 4,
    }),
  ),
}))

/** The stored session without what was only put beside, as bytes. */
async function stored(sessions, ...beside) {
  const { session } = await sessions.findOne(
    { _id: 'sid' },
    { promoteValues: false, bsonRegExp: true },
  )
  for (const name of ['cookie', ...beside]) delete session[name]
  return JSON.stringify(session)
}

test('a value is stored the same alone, beside others, and by a difference', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const property = fc.asyncProperty(value, async (value) => {
    await store.set('sid', newSession({ value }))
    const alone = await stored(sessions)

    const { cookie } = newSession()
    await store.set('sid', {
      at: new Date(1),
      nothing: null,
      id: new ObjectId(),
      value,
      raw: Buffer.from('x'),
      cookie,
    })
    assert.equal(await stored(sessions, 'at', 'nothing', 'id', 'raw'), alone)

    await store.set(
      'sid',
      newSession({ filling: 'x'.repeat(5000), at: new Date(1), value: 'before' }),
    )
    const session = await load(store)
    session.value = value
    await store.set('sid', session)
    assert.equal(await stored(sessions, 'filling', 'at'), alone)
    // What was loaded and not changed is not written, so that another one's change stays.
    const again = await load(store)
    await sessions.updateOne({ _id: 'sid' }, { $set: { 'session.value': 'of another one' } })
    again.more = 1
    await store.set('sid', again)
    const { session: last } = await sessions.findOne({ _id: 'sid' })
    const isStored = alone !== '{}'
    if (isStored) assert.equal(last.value, 'of another one')
  })
  // Each kind by itself, and then others each time that the test is run.
  const examples = KINDS.map((make) => [make()])
  await fc.assert(property, { numRuns: RUNS, examples })
})
