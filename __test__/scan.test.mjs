// Lists of all sessions: ids, entries, and scan, which goes through any number of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PATIENT, database, failure, freePort, newSession, onBothEngines, openStore, until } from './support.mjs' // prettier-ignore

const ids = (count, prefix = '') =>
  Array.from({ length: count }, (_, n) => `${prefix}sid${String(n).padStart(6, '0')}`)

/** Stores documents as another process would have. */
async function seed(sessions, _ids, data = {}) {
  const expires = new Date(Date.now() + 600_000)
  const session = { cookie: { path: '/', _expires: expires, originalMaxAge: 1 }, ...data }
  await sessions.insertMany(_ids.map((_id, n) => ({ _id, expires, session: { ...session, n } })))
}

async function collect(iterable) {
  const list = []
  for await (const entry of iterable) list.push(entry)
  return list
}

const sids = (entries) => entries.map(({ sid }) => sid)

onBothEngines(test, 'an empty store has nothing to list', async (t, open) => {
  const store = open()
  assert.deepEqual(await store.ids(), [])
  assert.deepEqual(await store.entries(), [])
  assert.deepEqual(await collect(store.scan()), [])
})

onBothEngines(test, 'ids, entries and scan answer the same sessions', async (t, open) => {
  const store = open({ prefix: 'app:' })
  const expected = ids(350)
  const at = new Date(5)
  await Promise.all(expected.map((sid) => store.set(sid, newSession({ sid, at }))))
  await store.set('expired', newSession({}, -1000))
  await store.set('flagged', newSession())
  await store.flagDeletion('flagged')
  assert.deepEqual(await store.ids(), expected)
  const entries = await store.entries()
  assert.deepEqual(sids(entries), expected)
  assert.deepEqual(await collect(store.scan()), entries)
  for (const { sid, session, expires } of [entries[0], entries.at(-1)]) {
    assert.deepEqual(session, await store.get(sid))
    assert.deepEqual(session.at, at)
    assert.deepEqual(expires, session.cookie.expires)
  }
})

onBothEngines(test, 'what was called before a list is in it', async (t, open) => {
  const store = open()
  const sets = ids(50).map((sid) => store.set(sid, newSession()))
  const [listed, scanned] = [store.ids(), store.scan().next()]
  assert.equal((await listed).length, 50)
  assert.equal((await scanned).value.sid, 'sid000000')
  await Promise.all(sets)
})

test('20 000 sessions are gone through in bounded memory, page by page', async (t) => {
  const { uri, db, sessions } = await database(t)
  const expected = ids(20_000)
  await seed(sessions, expected, { filling: 'x'.repeat(2000) })
  const store = openStore(t, { uri })
  await store.ping()
  const profile = db.collection('system.profile')
  const finds = { op: 'query', ns: sessions.namespace }
  const seen = []
  let mostPages = 0
  await db.setProfilingLevel('all')
  for await (const { sid, session } of store.scan()) {
    assert.equal(session.filling.length, 2000)
    seen.push(sid)
    if (seen.length === 5000) mostPages = await profile.countDocuments(finds)
  }
  await db.setProfilingLevel('off')
  assert.deepEqual(seen, expected)
  // A quarter of the way is a quarter of the pages, and one that lies ahead.
  const replies = await profile.find(finds).toArray()
  assert.ok(replies.length >= 20, `${replies.length} pages`)
  assert.ok(mostPages <= replies.length / 4 + 2, `${mostPages} of ${replies.length} pages`)
  for (const { responseLength, nreturned, cursorExhausted } of replies) {
    assert.ok(responseLength < 2_000_000, `${responseLength} bytes`)
    assert.ok(nreturned <= 1000)
    // Nothing is left open on the server while the reader takes its time.
    assert.equal(cursorExhausted, true)
  }
})

test('sessions of several megabytes are listed by a few at a time', async (t) => {
  const { uri, sessions } = await database(t)
  const expected = ids(12)
  await seed(sessions, expected, { filling: 'x'.repeat(3_000_000) })
  const store = openStore(t, { uri, operationTimeout: 60_000 })
  assert.deepEqual(await store.ids(), expected)
  assert.deepEqual(sids(await collect(store.scan())), expected)
})

onBothEngines(test, 'a scan that is broken off reads no further', async (t, open) => {
  const store = open()
  await Promise.all(ids(300).map((sid) => store.set(sid, newSession())))
  const scan = store.scan()
  for await (const { sid } of scan) {
    assert.equal(sid, 'sid000000')
    break
  }
  assert.deepEqual(await scan.next(), { value: undefined, done: true })
  await store.close()
})

onBothEngines(test, 'a session that is there all the while is met once', async (t, open) => {
  const store = open()
  const stay = ids(400).filter((_, n) => n % 2 === 0)
  const go = ids(400).filter((_, n) => n % 2 === 1)
  await Promise.all([...stay, ...go].map((sid) => store.set(sid, newSession())))
  const seen = []
  for await (const { sid } of store.scan()) {
    if (seen.push(sid) === 50) {
      await Promise.all([
        ...go.map((sid) => store.destroy(sid)),
        ...stay.map((sid) => store.set(sid, newSession({ grown: 'x'.repeat(3000) }))),
        ...stay.map((sid) => store.set(`a-${sid}`, newSession())),
        ...stay.map((sid) => store.set(`z-${sid}`, newSession())),
      ])
    }
  }
  assert.deepEqual(
    seen.filter((sid) => stay.includes(sid)),
    stay,
  )
  assert.equal(new Set(seen).size, seen.length)
  assert.equal(seen.includes(go.at(-1)), false)
})

onBothEngines(test, 'what the loop does to the sessions it meets is done', async (t, open) => {
  const store = open()
  await Promise.all(ids(250).map((sid) => store.set(sid, newSession({ sid }))))
  for await (const { sid, session } of store.scan()) {
    if (sid.endsWith('0')) await store.destroy(sid)
    else await store.set(sid, { ...session, seen: true })
  }
  const entries = await store.entries()
  assert.equal(entries.length, 225)
  assert.ok(entries.every(({ session }) => session.seen))
})

test('only sessions of the own prefix are listed', async (t) => {
  const { uri, sessions } = await database(t)
  const prefixes = ['', 'a', 'a:', 'a;', 'ä', '\u{10ffff}']
  for (const prefix of prefixes) await seed(sessions, ids(3, prefix))
  await sessions.insertMany([{ foreign: true }, { _id: 'a:foreign' }, { _id: 'a:5', session: 5 }])
  for (const prefix of ['a:', 'a;', 'ä', '\u{10ffff}']) {
    const store = openStore(t, { uri, prefix })
    assert.deepEqual(await store.ids(), ids(3))
    assert.deepEqual(sids(await store.entries()), ids(3))
  }
  assert.equal((await openStore(t, { uri }).ids()).length, 18)
})

test('a session without an expiry has none in the list', async (t) => {
  const { uri, sessions } = await database(t)
  await sessions.insertOne({ _id: 'eternal', session: { cookie: {} } })
  const [{ sid, expires }] = await openStore(t, { uri }).entries()
  assert.deepEqual([sid, expires], ['eternal', null])
})

onBothEngines(test, 'with hashed ids the list has the hashes', async (t, open) => {
  const store = open({ hashIds: true, prefix: 'app:' })
  await store.set('abc', newSession({ user: 'ada' }))
  assert.deepEqual(await store.ids(), ['ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0'])
  assert.equal((await store.entries())[0].session.user, 'ada')
})

test('a session that cannot be decrypted is left out with a warning', async (t) => {
  const { uri, sessions } = await database(t)
  const encryption = { keys: [Buffer.alloc(32, 7)] }
  const store = openStore(t, { uri, encryption })
  await store.set('good', newSession({ user: 'ada' }))
  await seed(sessions, ['plain'])
  const entries = await store.entries()
  assert.deepEqual(sids(entries), ['good'])
  assert.equal(entries[0].session.user, 'ada')
  await until(() => store.events.length > 0, 'the warning')
  assert.equal(store.events[0].value.code, 'ERR_STORE_DECRYPT')
})

onBothEngines(test, 'a scan with a filter meets only what matches', async (t, open) => {
  const store = open()
  await Promise.all(ids(500).map((sid, n) => store.set(sid, newSession({ n, even: n % 2 === 0 }))))
  const even = await collect(store.scan({ filter: { even: true, n: { $lt: 300 } } }))
  assert.equal(even.length, 150)
  assert.ok(even.every(({ session }) => session.n % 2 === 0 && session.n < 300))
})

onBothEngines(test, 'several lists at once do not get in each other’s way', async (t, open) => {
  const store = open()
  await Promise.all(ids(250).map((sid) => store.set(sid, newSession())))
  const lists = Array.from({ length: 8 }, (_, n) =>
    n % 2 === 0 ? store.ids() : collect(store.scan()).then(sids),
  )
  for (const list of await Promise.all(lists)) assert.deepEqual(list, ids(250))
})

onBothEngines(test, 'close waits for a list, and ends a scan', async (t, open) => {
  const store = open()
  await Promise.all(ids(450).map((sid) => store.set(sid, newSession())))
  const scan = store.scan()
  await scan.next()
  const entries = store.entries()
  const closed = store.close()
  assert.equal((await entries).length, 450)
  await closed
  assert.equal((await failure(collect(scan))).code, 'ERR_STORE_CLOSED')
  assert.equal((await failure(store.ids())).code, 'ERR_STORE_CLOSED')
  assert.equal((await failure(store.scan().next())).code, 'ERR_STORE_CLOSED')
})

onBothEngines(test, 'callbacks are served as promises are', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const called = (method, ...args) =>
    new Promise((resolve) => store[method](...args, (...answer) => resolve(answer)))
  assert.deepEqual(await called('ids'), [null, ['sid']])
  const [error, [{ sid }]] = await called('entries')
  assert.deepEqual([error, sid], [null, 'sid'])
  const [, found] = await called('find', {})
  assert.equal(found[0].sid, 'sid')
})

test('without a server, lists and removals end in time, too', async (t) => {
  const uri = `mongodb://127.0.0.1:${await freePort()}/test`
  const store = openStore(t, { uri, operationTimeout: 500, userId: ({ user }) => user })
  const begin = Date.now()
  const calls = [
    store.ids(),
    store.entries(),
    store.find({ n: 1 }),
    store.scan().next(),
    store.sessionsOf('ada'),
    store.destroyByUser('ada'),
    store.destroyMany({ n: 1 }),
  ]
  for (const call of calls) {
    const { code, message } = await failure(call)
    assert.match(code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
    assert.doesNotMatch(message, /ada/)
  }
  assert.ok(Date.now() - begin < 9000)
})

onBothEngines(test, 'bad arguments of scan are refused', async (t, open) => {
  const store = open()
  for (const options of [null, 5, 'x', { filter: null }, { filter: [] }, { filter: 'x' }]) {
    const error = await failure(store.scan(options).next())
    assert.ok(error instanceof TypeError)
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
  }
  assert.match((await failure(store.scan({ where: {} }).next())).message, /'where'/)
})

test('a large session does not end a list', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri, ...PATIENT })
  const text = (megabytes) => 'x'.repeat(megabytes * 1024 * 1024)
  await store.set('a', newSession({ text: text(1) }))
  await store.set('b', newSession({ text: text(15.5) }))
  await store.set('c', newSession())
  assert.deepEqual(sids(await store.entries()), ['a', 'b', 'c'])
})
