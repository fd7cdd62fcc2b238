// Sessions of the greatest size, depth and number of keys: stored faithfully or refused with a code,
// and nothing else waits for them longer than it has to. The long form fills the documents.
import assert from 'node:assert/strict'
import test from 'node:test'
import { BSON } from 'mongodb'
import {
  PATIENT,
  database,
  failure,
  isLong,
  load,
  newSession,
  onBothEngines,
  openStore,
} from './support.mjs'

const LIMIT = 16 * 1024 * 1024

/** A session that outlives the work on it, which takes a slow machine minutes. */
const lasting = (data) => newSession(data, 3_600_000)

async function data(store, sid = 'sid') {
  const session = await store.get(sid)
  delete session.cookie
  return session
}

/** Comparing a million keys in an assertion takes longer than storing them. */
function assertSame(actual, expected) {
  assert.ok(JSON.stringify(actual) === JSON.stringify(expected), 'the data differs')
}

const keys = (count, value, name = 'k') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name}${index}`, value]))

function nested(levels, wrap, value = 1) {
  for (let level = 0; level < levels; level++) value = wrap(value, level)
  return value
}

const DEEP = {
  objects: (inner) => ({ a: inner }),
  arrays: (inner) => [inner],
  both: (inner, level) => (level % 2 ? [inner] : { a: inner }),
  'objects with a date': (inner) => ({ a: new Date(1), b: inner }),
  'objects behind toJSON': (inner) => ({ toJSON: () => ({ a: inner }) }),
  'objects behind toBSON': (inner) => ({ toBSON: () => [inner] }),
}

for (const [what, wrap] of Object.entries(DEEP)) {
  onBothEngines(test, `10 000 levels are refused: ${what}`, async (t, open) => {
    const store = open()
    await store.set('sid', lasting({ before: 1 }))
    const session = await load(store)
    for (const levels of [1_000, 10_000]) {
      session.deep = nested(levels, wrap)
      for (const each of [lasting({ deep: session.deep }), session]) {
        const error = await failure(store.set('sid', each))
        assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
        assert.match(error.message, /178 levels deep/)
      }
    }
    assert.deepEqual(await data(store), { before: 1 })
  })
}

/** A change of the deepest session by paths and by a pipeline, which nest it deeper themselves. */
onBothEngines(test, 'a difference may be as deep as a session', async (t, open) => {
  const store = open()
  await store.set('sid', lasting())
  for (const key of ['plain', 'a.b']) {
    for (const wrap of [DEEP.objects, DEEP.arrays]) {
      const session = await load(store)
      const deep = nested(177, wrap)
      session[key] = deep
      await store.set('sid', session)
      assert.deepStrictEqual((await data(store))[key], deep)
      delete session[key]
      await store.set('sid', session)
      assert.deepEqual(await data(store), {})
    }
  }
})

/** Of a million, a document of 16 MB is nearly full; the short form has more than two bytes can count. */
const COUNT = isLong ? 1_000_000 : 70_000

const MANY = {
  [`${COUNT} keys`]: () => keys(COUNT, 1),
  [`${COUNT} elements`]: () => ({ list: Array.from({ length: COUNT }, (_, index) => index) }),
  [`${COUNT} strange keys`]: () => ({ nested: keys(COUNT, true, '$.') }),
  [`${COUNT / 2} dates`]: () => ({ list: Array(COUNT / 2).fill(new Date(5)) }),
}

for (const [what, make] of Object.entries(MANY)) {
  onBothEngines(test, `${what} are stored and read`, async (t, open) => {
    const store = open(PATIENT)
    const many = make()
    await store.set('sid', lasting(many))
    assertSame(await data(store), many)
  })
}

onBothEngines(test, 'more elements than fit are refused', async (t, open) => {
  const store = open(PATIENT)
  const many = isLong ? keys(1_400_000, 1) : keys(20_000, 'x'.repeat(1000))
  for (const value of [many, Array(1_500_000).fill(1)]) {
    const error = await failure(store.set('sid', lasting({ value })))
    assert.match(error.code, /^ERR_STORE_(SERIALIZATION|TOO_LARGE)$/)
  }
  assert.equal(await store.get('sid'), null)
})

const CHANGES = isLong ? 100_000 : 20_000

onBothEngines(
  test,
  `${CHANGES} keys change, get another name and go in one save each`,
  async (t, open) => {
    const store = open(PATIENT)
    const count = CHANGES
    await store.set('sid', lasting({ first: 1, ...keys(count, 1), last: '$$NOW' }))
    const session = await load(store)
    const other = await load(store)

    Object.assign(session, keys(count, 2))
    await store.set('sid', session)
    assertSame(await data(store), { first: 1, ...keys(count, 2), last: '$$NOW' })

    for (const key of Object.keys(keys(count))) delete session[key]
    Object.assign(session, keys(count, { a: '$first' }, 'n'))
    await store.set('sid', session)
    const renamed = await data(store)
    assert.equal(Object.keys(renamed).length, count + 2)
    assert.deepEqual(renamed[`n${count - 1}`], { a: '$first' })

    for (const key of Object.keys(session)) if (key !== 'cookie') delete session[key]
    await store.set('sid', session)
    assert.deepEqual(await data(store), {})
    // What another request has changed meanwhile stays, and it does not bring the rest back.
    other.mine = 1
    await store.set('sid', other)
    assert.deepEqual(await data(store), { mine: 1 })
  },
)

for (const bytes of isLong ? [1_000_000, 15_000_000] : [3_000_000]) {
  onBothEngines(test, `a key of ${bytes} bytes is a key`, async (t, open) => {
    const store = open(PATIENT)
    for (const letter of ['k', '.']) {
      const key = letter.repeat(bytes)
      await store.set('sid', lasting({ [key]: 1, at: new Date(1) }))
      const session = await load(store)
      session[key] = { when: new Date(2) }
      await store.set('sid', session)
      assert.deepEqual((await data(store))[key], { when: new Date(2) })
      delete session[key]
      await store.set('sid', session)
      assert.deepEqual(await data(store), { at: new Date(1) })
    }
  })
}

/** A session whose document takes that many bytes. */
function sized(bytes, sid = 'sid') {
  const session = lasting({ a: '', b: '' })
  const { _expires: expires } = session.cookie
  const room = bytes - BSON.calculateObjectSize({ _id: sid, expires, session })
  session.a = 'a'.repeat(room >> 1)
  session.b = 'b'.repeat(room - (room >> 1))
  return session
}

onBothEngines(test, 'a difference may fill a document to the last byte', async (t, open) => {
  const store = open(PATIENT)
  for (const key of ['c', 'c.d']) {
    const full = sized(LIMIT)
    await store.set('sid', full)
    const session = await load(store)
    // As many bytes with a further key as without.
    const taken = BSON.calculateObjectSize({ [key]: 'c' }) - BSON.calculateObjectSize({})
    session[key] = 'c'
    session.a = session.a.slice(taken)
    await store.set('sid', session)
    session.a += 'a'
    assert.equal((await failure(store.set('sid', session))).code, 'ERR_STORE_TOO_LARGE')
    const read = await data(store)
    assert.deepEqual(
      [read.a.length, read.b.length, read[key]],
      [full.a.length - taken, full.b.length, 'c'],
    )
    // All of it changes at once.
    session.a = 'A'.repeat(read.a.length)
    session.b = 'B'.repeat(read.b.length)
    await store.set('sid', session)
    assert.ok((await data(store)).a === session.a)
  }
})

onBothEngines(test, 'what two requests add must fit together', async (t, open) => {
  const store = open(PATIENT)
  await store.set('sid', sized(LIMIT - 1_000_000))
  const [one, other] = [await load(store), await load(store)]
  one.mine = 'x'.repeat(600_000)
  other.yours = 'x'.repeat(600_000)
  await store.set('sid', one)
  assert.equal((await failure(store.set('sid', other))).code, 'ERR_STORE_TOO_LARGE')
  other.yours = 'x'
  await store.set('sid', other)
  const { mine, yours } = await data(store)
  assert.deepEqual([mine.length, yours.length], [600_000, 1])
})

test('changes that do not fit into a command are refused, and harm nothing', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri, ...PATIENT })
  const long = (name) => keys(100, 1, name.repeat(100_000))
  await store.set('sid', lasting(long('k')))
  const session = await load(store)
  for (const key of Object.keys(long('k'))) delete session[key]
  Object.assign(session, long('n'))
  const saves = ['a', 'b'].map((sid) => store.set(sid, lasting({ sid })))
  const error = await failure(store.set('sid', session))
  assert.equal(error.code, 'ERR_STORE_TOO_LARGE')
  assert.match(error.message, /changes at once/)
  await Promise.all(saves)
  assert.equal(await store.length(), 3)
  assertSame(await data(store), long('k'))
  // Half of it at once does fit.
  for (const key of Object.keys(long('n')).slice(50)) delete session[key]
  await store.set('sid', session)
  assert.equal(Object.keys(await data(store)).length, 50)
})

onBothEngines(
  test,
  'sessions that fill several messages are saved and read together',
  async (t, open) => {
    const store = open(PATIENT)
    const sids = ['large1', 'large2', 'large3', 'large4']
    const small = Array.from({ length: 50 }, (_, index) => `small${index}`)
    const sessions = sids.map((sid) => sized(LIMIT, sid))
    await Promise.all([
      ...sids.map((sid, index) => store.set(sid, sessions[index])),
      ...small.map((sid) => store.set(sid, lasting({ sid }))),
    ])
    const read = await Promise.all([...sids, ...small].map((sid) => store.get(sid)))
    for (const [index, { a, b }] of sessions.entries()) {
      assert.ok(read[index].a === a && read[index].b === b)
    }
    assert.deepEqual(
      read.slice(sids.length).map(({ sid }) => sid),
      small,
    )
    assert.equal((await store.all()).length, sids.length + small.length)
  },
)

/** Each: what grows, and a session of that many parts, which may be the change of a loaded one. */
const GROWING = {
  keys: (count) => keys(count, 1),
  'keys with a date': (count) => keys(count, new Date(1)),
  'objects in a list': (count) => ({ list: Array.from({ length: count }, (_, at) => ({ at })) }),
  'dates below a long key': (count) => ({ ['k'.repeat(count)]: Array(count).fill(new Date(1)) }),
  'escapes in a text': (count) => ({ text: '\ud800"\u0001'.repeat(count) }),
  'empty lists': (count) => ({ list: Array.from({ length: count }, () => [[], {}]) }),
}

for (const [what, make] of Object.entries(GROWING)) {
  test(`the work grows with the size, not with its square: ${what}`, async (t) => {
    const store = openStore(t, { uri: 'memory:', ...PATIENT })
    /** Processor time for all that happens to a session. */
    const work = async (count) => {
      const before = process.cpuUsage()
      await store.set('sid', lasting())
      const session = await load(store)
      Object.assign(session, make(count))
      await store.set('sid', session)
      const again = await load(store)
      for (const key of Object.keys(again)) if (key !== 'cookie') delete again[key]
      await store.set('sid', again)
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    const [size, factor] = [4_000, 8]
    const limit = (factor * factor) / 2
    for (let warmUp = 0; warmUp < 2; warmUp++) await work(size)
    let small = Math.min(await work(size), await work(size))
    let [large, growth] = [Infinity, Infinity]
    // The least disturbed attempt of each counts. A virtual machine that is stopped is charged for
    // that, perhaps several times in a row, but what does grow with the square does so every time.
    for (let attempt = 1; attempt <= 30 && growth >= limit; attempt++) {
      large = Math.min(large, await work(size * factor))
      small = Math.min(small, await work(size))
      growth = large / small
    }
    assert.ok(growth < limit, `${factor} times the size took ${growth} times the work`)
  })
}
