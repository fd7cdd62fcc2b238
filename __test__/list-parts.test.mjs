// Parts of lists: `limit`, `sort` and `after`, the cursor that names nobody's session; and counts.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ObjectId } from 'mongodb'
import { PATIENT, database, failure, newSession, onBothEngines, openStore } from './support.mjs'

const sids = (entries) => entries.map(({ sid }) => sid)
const ids = (count) => Array.from({ length: count }, (_, n) => `sid${String(n).padStart(4, '0')}`)

/** All parts of a list, one behind the other. */
async function parts(store, filter, { limit, sort }, between = async () => {}) {
  const found = []
  let after
  do {
    const part = await store.find(filter, { limit, sort, after })
    assert.ok(part.length <= limit)
    found.push(part)
    after = part.next
    await between(found.length)
  } while (after !== undefined)
  return found
}

onBothEngines(test, 'the parts of a list are the list', async (t, open) => {
  const store = open({ prefix: 'app:' })
  const all = ids(23)
  await Promise.all(all.map((sid, n) => store.set(sid, newSession({ even: n % 2 === 0 }))))
  await store.set('expired', newSession({ even: true }, -1000))
  for (const limit of [1, 5, 12, 22, 23, 24, 1000]) {
    const found = await parts(store, {}, { limit })
    assert.deepEqual(found.flatMap(sids), all, `parts of ${limit}`)
    assert.equal(found.length, Math.ceil(23 / limit))
  }
  assert.equal((await store.find({}, { limit: 23 })).next, undefined)
  assert.deepEqual((await parts(store, { even: true }, { limit: 4 })).map((part) => part.length), [4, 4, 4]) // prettier-ignore
  const scanned = []
  const { next } = await store.find({}, { limit: 4 })
  for await (const { sid } of store.scan({ limit: 3, after: next })) scanned.push(sid)
  assert.deepEqual(scanned, all.slice(4, 7))
})

onBothEngines(test, 'a list is sorted by when its sessions expire', async (t, open) => {
  const store = open(PATIENT)
  const lives = new Map(ids(40).map((sid, n) => [sid, 3_600_000 + ((n * 7) % 10) * 1000]))
  const at = Date.now()
  for (const [sid, life] of lives) {
    const session = newSession()
    session.cookie._expires = new Date(at + life)
    await store.set(sid, session)
  }
  const ascending = [...lives].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([sid]) => sid) // prettier-ignore
  assert.deepEqual(sids(await store.find({}, { sort: { expires: 1 } })), ascending)
  assert.deepEqual(sids(await store.find({}, { sort: { expires: -1 } })), ascending.toReversed())
  for (const [direction, expected] of [
    [1, ascending],
    [-1, ascending.toReversed()],
  ]) {
    for (const limit of [1, 3, 7, 39]) {
      const found = await parts(store, {}, { limit, sort: { expires: direction } })
      assert.deepEqual(found.flatMap(sids), expected)
    }
    const scanned = []
    for await (const { sid } of store.scan({ sort: { expires: direction } })) scanned.push(sid)
    assert.deepEqual(scanned, expected)
  }
})

test('a session without an expiry is the first in ascending order, and the last in descending order', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  await sessions.insertOne({ _id: 'endless', session: { cookie: {} } })
  for (const sid of ['a', 'z']) await store.set(sid, newSession())
  for (const [direction, place] of [
    [1, 0],
    [-1, 2],
  ]) {
    const found = await parts(store, {}, { limit: 1, sort: { expires: direction } })
    assert.equal(found.flatMap(sids).length, 3)
    assert.equal(found.flatMap(sids)[place], 'endless')
  }
})

onBothEngines(test, 'a list is sorted by what options keep of every session', async (t, open) => {
  const store = open({ timestamps: true, userId: ({ user }) => user, device: true })
  for (const sid of ['b', 'c', 'a']) {
    await store.set(sid, newSession({ user: 'ada' }))
    const moment = Date.now()
    while (Date.now() === moment);
  }
  for (const name of ['createdAt', 'updatedAt', 'lastSeenAt']) {
    const found = await parts(store, {}, { limit: 2, sort: { [name]: -1 } })
    assert.deepEqual(found.flatMap(sids), ['a', 'c', 'b'], name)
  }
})

onBothEngines(
  test,
  'no session is met twice or left out while others come and go',
  async (t, open) => {
    const store = open(PATIENT)
    const stay = ids(3000).filter((_, n) => n % 3 !== 0)
    const go = ids(3000).filter((_, n) => n % 3 === 0)
    // Several moments, each of many sessions.
    const session = (n) => {
      const own = newSession({ n })
      own.cookie._expires = new Date(4_000_000_000_000 + (n % 11) * 1000)
      return own
    }
    const store1000 = (list, prefix) =>
      Promise.all(list.map((sid, n) => store.set(prefix + sid, session(n))))
    await Promise.all([store1000(stay, ''), store1000(go, '')])
    for (const sort of [undefined, { expires: 1 }, { expires: -1 }]) {
      const kind = JSON.stringify(sort) ?? 'none'
      const found = await parts(store, {}, { limit: 700, sort }, async (count) => {
        if (count > 4) return
        await Promise.all([
          ...go.slice(count * 100, count * 100 + 100).map((sid) => store.destroy(sid)),
          store1000(go.slice(0, 100), `a${kind}${count}`),
          store1000(go.slice(0, 100), `sid1${kind}${count}`),
          store1000(go.slice(0, 100), `z${kind}${count}`),
        ])
      })
      const seen = found.flatMap(sids)
      assert.equal(new Set(seen).size, seen.length, `${kind}: each is met once`)
      const met = new Set(seen)
      assert.deepEqual(stay.filter((sid) => !met.has(sid)), [], `${kind}: none is left out`) // prettier-ignore
    }
  },
)

onBothEngines(test, 'a cursor holds no session id, and means nothing to get', async (t, open) => {
  const store = open()
  const long = Array.from({ length: 50 }, () => `${new ObjectId()}`.split('').reverse().join('') + '-secret') // prettier-ignore
  for (const sid of long) await store.set(sid, newSession({ user: sid }))
  const found = await parts(store, {}, { limit: 7 })
  assert.deepEqual(found.flatMap(sids), long.toSorted())
  for (const sort of [undefined, { expires: -1 }]) {
    const { next } = await store.find({}, { limit: 7, sort })
    const told = Buffer.from(next, 'base64url').toString()
    for (const sid of long) assert.ok(!told.includes(sid.slice(0, 8)), told)
    assert.equal(await store.get(next), null)
  }
})

onBothEngines(test, 'with hashed ids and encryption lists have parts, too', async (t, open) => {
  const encryption = { keys: [Buffer.alloc(32, 7)] }
  const store = open({ hashIds: true, prefix: 'app:', encryption })
  await Promise.all(ids(30).map((sid, n) => store.set(sid, newSession({ n }))))
  for (const sort of [undefined, { expires: 1 }, { expires: -1 }]) {
    const found = (await parts(store, {}, { limit: 8, sort })).flat()
    assert.deepEqual(found.map(({ session }) => session.n).sort((a, b) => a - b), ids(30).map((_, n) => n)) // prettier-ignore
  }
})

onBothEngines(
  test,
  'ids that are texts of any kind are told apart by a cursor',
  async (t, open) => {
    const store = open()
    const odd = ['', 'a', 'aa', 'aaa', 'aab', 'a\0', 'é', '😀', '😀😀', '\u{10ffff}', '\uffff', 'A']
    for (const sid of odd) await store.set(sid, newSession())
    const byBytes = odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual((await parts(store, {}, { limit: 1 })).flatMap(sids), byBytes)
    const same = newSession()
    for (const sid of odd) await store.set(sid, same)
    for (const [direction, expected] of [
      [1, byBytes],
      [-1, byBytes.toReversed()],
    ]) {
      const found = await parts(store, {}, { limit: 1, sort: { expires: direction } })
      assert.deepEqual(found.flatMap(sids), expected)
    }
  },
)

onBothEngines(test, 'what is no part of a list is refused', async (t, open) => {
  const store = open()
  for (const sid of ids(3)) await store.set(sid, newSession())
  const { next } = await store.find({}, { limit: 1 })
  const made = (parts) => Buffer.from(JSON.stringify(parts)).toString('base64url')
  const value = Buffer.from([2, 9, 0, 0, 0, 97, 0]).toString('base64')
  for (const [options, code, message] of [
    [{ limit: 0 }, 'ERR_INVALID_ARG_TYPE', /'limit'/],
    [{ limit: 1.5 }, 'ERR_INVALID_ARG_TYPE', /'limit'/],
    [{ limit: '5' }, 'ERR_INVALID_ARG_TYPE', /'limit'/],
    [{ limit: NaN }, 'ERR_INVALID_ARG_TYPE', /'limit'/],
    [{ sort: 'expires' }, 'ERR_INVALID_ARG_TYPE', /'sort'/],
    [{ sort: {} }, 'ERR_INVALID_ARG_TYPE', /'sort'/],
    [{ sort: { expires: 'desc' } }, 'ERR_INVALID_ARG_TYPE', /'sort'/],
    [{ sort: { expires: 1, createdAt: 1 } }, 'ERR_INVALID_ARG_TYPE', /'sort'/],
    [{ sort: { user: 1 } }, 'ERR_STORE_FILTER', /'sort' must name one of.*: 'expires'$/],
    [{ sort: { createdAt: 1 } }, 'ERR_STORE_FILTER', /'sort'/],
    [{ sort: { $where: 1 } }, 'ERR_STORE_FILTER', /'sort'/],
    [{ after: 5 }, 'ERR_INVALID_ARG_TYPE', /'after'/],
    [{ after: { $gt: '' } }, 'ERR_INVALID_ARG_TYPE', /'after'/],
    [{ after: '' }, 'ERR_STORE_FILTER', /'after'/],
    [{ after: 'sid0000' }, 'ERR_STORE_FILTER', /'after'/],
    [{ after: made([1, null, false, null, { $gt: '' }]) }, 'ERR_STORE_FILTER', /'after'/],
    [{ after: made([2, null, false, null, 'a']) }, 'ERR_STORE_FILTER', /'after'/],
    [{ after: made([1, 'expires', false, value, 'a']), sort: { expires: 1 } }, 'ERR_STORE_FILTER', /'after'/], // prettier-ignore
    [{ after: made([1, 'expires', false, '!', 'a']), sort: { expires: 1 } }, 'ERR_STORE_FILTER', /'after'/], // prettier-ignore
    [{ after: next, sort: { expires: 1 } }, 'ERR_STORE_FILTER', /another order/],
    [{ skip: 5 }, 'ERR_INVALID_ARG_VALUE', /has no option 'skip'/],
    [null, 'ERR_INVALID_ARG_TYPE', /options/],
  ]) {
    for (const call of [store.find({}, options), store.scan(options).next()]) {
      const error = await failure(call)
      assert.ok(error instanceof TypeError, error.stack)
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
    }
  }
})

onBothEngines(test, 'count counts what find finds, up to a limit', async (t, open) => {
  const store = open({ prefix: 'app:' })
  for (const [n, sid] of ids(12).entries()) await store.set(sid, newSession({ n }))
  await store.set('expired', newSession({ n: 1 }, -1000))
  await store.set('flagged', newSession({ n: 1 }))
  await store.flagDeletion('flagged')
  assert.equal(await store.count({}), 12)
  assert.equal(await store.count({ n: { $lt: 5 } }), 5)
  assert.equal(await store.count({ n: { $lt: 5 } }, { limit: 3 }), 3)
  assert.equal(await store.count({ n: 99 }), 0)
  assert.deepEqual(
    await new Promise((resolve) => store.count({ n: 1 }, (...answer) => resolve(answer))),
    [null, 1],
  )
  assert.deepEqual(
    await new Promise((resolve) => store.count({}, { limit: 2 }, (...got) => resolve(got))),
    [null, 2],
  )
  for (const [filter, options] of [
    [undefined],
    [{ a: undefined }],
    [{}, { limit: 0 }],
    [{}, { after: '' }],
  ]) {
    // prettier-ignore
    assert.ok((await failure(store.count(filter, options))) instanceof TypeError)
  }
  await store.close()
  assert.equal((await failure(store.count({}))).code, 'ERR_STORE_CLOSED')
  assert.equal((await failure(store.find({}, { limit: 1 }))).code, 'ERR_STORE_CLOSED')
})
