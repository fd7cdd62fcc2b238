// Session ids of any content and length name one session each, or are refused, and harm no other.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  PATIENT,
  database,
  failure,
  isLong,
  newSession,
  onBothEngines,
  openStore,
} from './support.mjs'

const LIMIT = 16 * 1024 * 1024

const CONTENTS = [
  '{"$gt":""}',
  '{"$numberLong":"1"}',
  '$$ROOT',
  'prototype',
  'hasOwnProperty',
  'valueOf',
  '../../etc/passwd',
  "'; db.dropDatabase(); '",
  '%00',
  '\ufeffsid',
  'sid',
  'sid\n',
  '\r\nsid',
  'sid\u2028',
  '\u202esid',
  'سيد',
  '👩‍👩‍👧‍👦',
  // The same letter, composed and not.
  '\u00e9',
  'e\u0301',
  'SID',
  '\u0000sid',
  'sid\u0000',
  '\uffff',
  '\ufdd0',
  '\u{10ffff}',
  '0',
  '-0',
  'NaN',
  'undefined',
  'null',
]

onBothEngines(test, 'each of many strange ids is a session of its own', async (t, open) => {
  const store = open({ prefix: 'p:' })
  await Promise.all(CONTENTS.map((sid, n) => store.set(sid, newSession({ n }))))
  assert.equal(await store.length(), CONTENTS.length)
  for (const [n, sid] of CONTENTS.entries()) {
    assert.equal((await store.get(sid)).n, n, sid)
    await store.touch(sid, newSession())
    const session = store.createSession(
      { sessionID: sid, sessionStore: store },
      await store.get(sid),
    )
    session.again = n
    await store.set(sid, session)
  }
  const sessions = await Promise.all(CONTENTS.map((sid) => store.get(sid)))
  assert.deepEqual(
    sessions.map(({ again }) => again),
    [...CONTENTS.keys()],
  )
  await store.flagDeletion(CONTENTS[0])
  await Promise.all(CONTENTS.slice(1).map((sid) => store.destroy(sid)))
  assert.equal(await store.length(), 0)
})

/** A session that outlives the work on it, which takes a slow machine minutes. */
const lasting = (data) => newSession(data, 3_600_000)

/** What a document takes besides its id and `lasting()`. */
async function overhead(t) {
  const { uri, sessions } = await database(t)
  await openStore(t, { uri }).set('', lasting())
  return (await sessions.findOne({}, { raw: true })).length
}

for (const bytes of [1000, isLong ? 15_900_000 : 3_000_000]) {
  onBothEngines(test, `an id of ${bytes} bytes is a session id`, async (t, open) => {
    const store = open(PATIENT)
    const [sid, other] = ['a', 'b'].map((last) => 'x'.repeat(bytes - 1) + last)
    await store.set(sid, lasting({ n: 1 }))
    await store.touch(sid, lasting())
    assert.equal((await store.get(sid)).n, 1)
    assert.equal(await store.get(other), null)
    const session = store.createSession(
      { sessionID: sid, sessionStore: store },
      await store.get(sid),
    )
    session.n = 2
    await store.set(sid, session)
    assert.equal((await store.all())[0].n, 2)
    await store.destroy(sid)
    assert.equal(await store.get(sid), null)
    // A save of what is gone creates nothing.
    await store.set(sid, session)
    assert.equal(await store.length(), 0)
  })
}

onBothEngines(
  test,
  'an id that fills the document to the last byte, and one byte more',
  async (t, open) => {
    const store = open(PATIENT)
    const room = LIMIT - (await overhead(t))
    await store.set('x'.repeat(room), lasting())
    assert.notEqual(await store.get('x'.repeat(room)), null)
    const error = await failure(store.set('x'.repeat(room + 1), lasting()))
    assert.equal(error.code, 'ERR_STORE_TOO_LARGE')
    // Twice as many bytes as characters.
    assert.equal(
      (await failure(store.set('é'.repeat(room / 2 + 1), lasting()))).code,
      'ERR_STORE_TOO_LARGE',
    )
    assert.equal(await store.length(), 1)
  },
)

/** No document can have the id, so there is nothing to be done; or the command is too large as well. */
function assertHarmless({ value, reason }) {
  if (reason === undefined) return assert.equal(value ?? null, null)
  assert.match(reason.code, /^ERR_STORE_(TOO_LARGE|SERVER)$/)
  assert.doesNotMatch(reason.message, /xxx/)
}

for (const bytes of [LIMIT, LIMIT + 100_000, 2 * LIMIT]) {
  test(`an id of ${bytes} bytes harms no other`, async (t) => {
    const { uri } = await database(t)
    const store = openStore(t, { uri, ...PATIENT })
    const sid = 'x'.repeat(bytes)
    await Promise.all(['a', 'b', 'c'].map((sid) => store.set(sid, lasting({ sid }))))
    const reads = ['a', sid, 'b', 'c'].map((sid) => store.get(sid))
    const touches = ['a', sid, 'b'].map((sid) => store.touch(sid, lasting()))
    const [first, long, ...others] = await Promise.allSettled(reads)
    assert.deepEqual(
      [first, ...others].map(({ value }) => value?.sid),
      ['a', 'b', 'c'],
    )
    assertHarmless(long)
    const [one, touched, other] = await Promise.allSettled(touches)
    assertHarmless(touched)
    assert.deepEqual([one.status, other.status], ['fulfilled', 'fulfilled'])
    assert.equal((await failure(store.set(sid, lasting()))).code, 'ERR_STORE_TOO_LARGE')
    const destroys = ['a', sid, 'b'].map((sid) => store.destroy(sid))
    assertHarmless((await Promise.allSettled(destroys))[1])
    assert.deepEqual(
      (await store.all()).map(({ sid }) => sid),
      ['c'],
    )
  })
}
