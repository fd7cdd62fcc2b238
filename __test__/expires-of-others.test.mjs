// What other programs write in the place of `expires`: an array of dates counts as its earliest one, as for MongoDB's
// TTL index, and what holds no date never expires. One rule for whatever decides whether a session is alive.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Binary, Decimal128, Long, MaxKey, Timestamp } from 'mongodb'
import { runJson } from './cli-support.mjs'
import { ownMongod } from './outage-support.mjs'
import { database, driver, load, newSession, openStore, until } from './support.mjs'

const HOUR = 3_600_000

/**
 * What is stored, by what it is: a value that is made of dates so many milliseconds from now, and after how many
 * the session ends, null for never.
 */
const STORED = {
  'dates that are past': [(date) => [date(-HOUR), date(-2 * HOUR)], -2 * HOUR],
  'dates that are to come': [(date) => [date(2 * HOUR), date(HOUR)], HOUR],
  'dates of both kinds': [(date) => [date(HOUR), date(-HOUR)], -HOUR],
  'dates of both kinds in their order': [(date) => [date(-HOUR), date(HOUR)], -HOUR],
  'one date that is past': [(date) => [date(-HOUR)], -HOUR],
  'no date': [() => [], null],
  'dates among others': [(date) => ['a text', null, date(2 * HOUR), 5, date(HOUR)], HOUR],
  'a past date among others': [(date) => [new Timestamp({ t: 1, i: 1 }), date(-HOUR)], -HOUR],
  'only others': [() => [null, 'a text', 1, new Timestamp({ t: 1, i: 1 }), {}], null],
  'an array in an array': [(date) => [[date(-HOUR)], []], null],
  'the past in seconds': [() => new Timestamp({ t: 1, i: 1 }), null],
  'the past as an int64': [() => Long.fromNumber(Date.now() - HOUR), null],
  'the past as a number': [() => 5.5, null],
  'the past as a decimal': [() => Decimal128.fromString('5'), null],
  'the past as a text': [(date) => date(-HOUR).toISOString(), null],
  'the past in an object': [(date) => ({ at: date(-HOUR) }), null],
  'no number': [() => NaN, null],
  null: [() => null, null],
  bytes: [() => new Binary(Buffer.from('x')), null],
  'a truth': [() => true, null],
  'the greatest key': [() => new MaxKey(), null],
  'a date that is past': [(date) => date(-HOUR), -HOUR],
  'a date to come': [(date) => date(HOUR), HOUR],
}

const NAMES = Object.keys(STORED).sort()
const ALIVE = NAMES.filter((name) => !(STORED[name][1] < 0))

/** Where it stands, and how long before the end of the session that moment is. */
const LAYOUTS = {
  expires: [{}, 0],
  'a field of another name': [{ fields: { id: 'sid', session: 'data', expires: 'until' } }, 0],
  'the last access': [{ fields: { lastAccess: 'used' }, ttl: 4 * HOUR }, 4 * HOUR],
}

const userId = ({ user }) => user

/** Stores all of them by the official driver, and answers when each session ends: a Date, or null. */
async function insertAll(sessions, [{ fields = {} }, beforeMs]) {
  const now = Date.now()
  const { id = '_id', session = 'session', expires = fields.lastAccess ?? 'expires' } = fields
  const date = (ms) => new Date(now + ms - beforeMs)
  const documents = NAMES.map((name) => ({
    [id]: name,
    [expires]: STORED[name][0](date),
    [session]: { cookie: { path: '/' }, user: name },
    userId: name,
  }))
  await sessions.insertMany([...documents])
  const end = (name) => (STORED[name][1] === null ? null : new Date(now + STORED[name][1]))
  return Object.fromEntries(ALIVE.map((name) => [name, end(name)]))
}

const sidsOf = (entries) => entries.map(({ sid }) => sid).sort()
const endsOf = (entries) => Object.fromEntries(entries.map(({ sid, expires }) => [sid, expires]))

async function collected(iterator) {
  const all = []
  for await (const one of iterator) all.push(one)
  return all
}

/** All parts of a list. */
async function parts(store, options) {
  const all = []
  let after
  do {
    const part = await store.find({}, { ...options, after })
    all.push(...part)
    after = part.next
  } while (after !== undefined)
  return all
}

for (const [where, layout] of Object.entries(LAYOUTS)) {
  test(`in ${where}, every read agrees on what is alive, and until when`, async (t) => {
    const { uri, sessions } = await database(t)
    const expected = await insertAll(sessions, layout)
    const store = openStore(t, { uri, userId, autoRemove: 'disabled', ...layout[0] })
    const read = await Promise.all(NAMES.map((name) => store.get(name)))
    assert.deepEqual(NAMES.filter((_, at) => read[at] !== null), ALIVE) // prettier-ignore
    const entries = {
      entries: await store.entries(),
      find: await store.find({ user: { $exists: true } }),
      sessionsOf: (await Promise.all(NAMES.map((name) => store.sessionsOf(name)))).flat(),
      scan: await collected(store.scan()),
      'scan, sorted': await collected(store.scan({ sort: { expires: 1 } })),
      'scan, sorted the other way': await collected(store.scan({ sort: { expires: -1 } })),
    }
    for (const limit of [1, 2, 100]) {
      entries[`parts of ${limit}`] = await parts(store, { limit })
      for (const direction of [1, -1]) {
        const sort = { expires: direction }
        entries[`parts of ${limit}, sorted by ${direction}`] = await parts(store, { limit, sort })
      }
    }
    for (const [list, found] of Object.entries(entries)) {
      assert.deepEqual(sidsOf(found), ALIVE, list)
      assert.deepEqual(endsOf(found), expected, list)
    }
    assert.deepEqual((await store.ids()).sort(), ALIVE)
    assert.deepEqual((await store.all()).map(({ user }) => user).sort(), ALIVE)
    assert.equal(await store.length(), ALIVE.length)
    assert.equal(await store.count({ user: { $exists: true } }), ALIVE.length)
    const users = await collected(store.users())
    const told = users.map(({ user, sessions, expires }) => [user, [sessions, expires]])
    const ends = Object.entries(expected).map(([name, end]) => [name, [1, end]])
    assert.deepEqual(Object.fromEntries(told), Object.fromEntries(ends))
    assert.deepEqual(store.events, [])
  })
}

test('the one moment of several sessions of a user is that of the one which lives the longest', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  const now = Date.now()
  const date = (ms) => new Date(now + ms)
  const session = { cookie: {} }
  await sessions.insertMany([
    { _id: 'a', expires: [date(3 * HOUR), date(2 * HOUR)], userId: 'ada', session },
    { _id: 'b', expires: date(HOUR), userId: 'ada', session },
    { _id: 'c', expires: [date(2 * HOUR), date(HOUR)], userId: 'bob', session },
    { _id: 'd', expires: 'never', userId: 'bob', session },
  ])
  const told = (await collected(store.users())).map(({ user, expires }) => [user, expires])
  assert.deepEqual(told, [['ada', date(2 * HOUR)], ['bob', null]]) // prettier-ignore
  const { records } = await runJson(uri, 'users')
  const shown = records.map(({ user, expires }) => [user, expires]).sort()
  assert.deepEqual(shown, [['ada', date(2 * HOUR).toJSON()], ['bob', null]]) // prettier-ignore
})

test('no save and no touch prolongs what is not alive, where a place is not to be kept', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId, maxPerUser: 9 })
  const loaded = new Map()
  for (const name of NAMES) {
    await store.set(name, newSession({ user: name }))
    loaded.set(name, await load(store, name))
  }
  await sessions.deleteMany({})
  await insertAll(sessions, LAYOUTS.expires)
  const raw = async () => {
    const documents = await sessions.find().toArray()
    return new Map(documents.map(({ _id, expires, session }) => [_id, { expires, session }]))
  }
  const before = await raw()
  for (const name of NAMES) await store.touch(name, loaded.get(name))
  const touched = await raw()
  for (const [name, session] of loaded) {
    session.changed = true
    await store.set(name, session)
  }
  const saved = await raw()
  for (const name of NAMES) {
    const isAlive = ALIVE.includes(name)
    if (!isAlive) assert.deepEqual(touched.get(name), before.get(name), name)
    assert.equal((await store.get(name)) !== null, isAlive, name)
    assert.equal(saved.get(name).session.changed, isAlive ? true : undefined, name)
  }
  const dropped = store.events.map(({ name, value }) => (assert.equal(name, 'discard'), value))
  assert.deepEqual(dropped.sort(), NAMES.filter((name) => !ALIVE.includes(name))) // prettier-ignore
})

test('what ends sessions ends those that are not alive, too, and cleanup none', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId })
  await insertAll(sessions, LAYOUTS.expires)
  assert.equal(await store.cleanup(), 0)
  for (const name of NAMES) assert.equal(await store.destroyByUser(name), 1, name)
  await insertAll(sessions, LAYOUTS.expires)
  assert.equal(await store.destroyMany({ user: { $exists: true } }), NAMES.length)
  await insertAll(sessions, LAYOUTS.expires)
  await store.clear()
  assert.equal(await sessions.countDocuments(), 0)
})

for (const [where, layout] of Object.entries(LAYOUTS)) {
  test(`in ${where}, the command line counts and purges by the same rule`, async (t) => {
    const { uri, sessions } = await database(t)
    const expected = await insertAll(sessions, layout)
    const [{ fields = {}, ttl }] = layout
    const flags = Object.entries(fields).flatMap(([name, value]) => [`--fields.${name}`, value])
    if (ttl !== undefined) flags.push('--ttl', String(ttl))
    const records = async (command) => (await runJson(uri, command, ...flags)).records
    const ends = Object.entries(expected).map(([name, end]) => [name, end?.toJSON() ?? null])
    for (const command of ['list', 'users']) {
      const told = (await records(command)).map(({ user, expires }) => [user, expires])
      assert.deepEqual(Object.fromEntries(told), Object.fromEntries(ends), command)
    }
    const [{ sessions: counts }] = await records('stats')
    const ended = NAMES.length - ALIVE.length
    assert.deepEqual([counts.alive, counts.expired], [ALIVE.length, ended])
    const purged = await runJson(uri, 'purge', '--yes', ...flags)
    assert.equal(purged.records[0].deleted, ended)
    const { id = '_id' } = fields
    const left = await sessions.find().toArray()
    assert.deepEqual(left.map((document) => document[id]).sort(), ALIVE)
  })
}

for (const [where, layout] of Object.entries(LAYOUTS)) {
  test(`in ${where}, 'interval' removes what is not alive`, async (t) => {
    const { uri, sessions } = await database(t)
    await insertAll(sessions, layout)
    openStore(t, { uri, autoRemove: 'interval', autoRemoveInterval: 50, ...layout[0] })
    const { id = '_id' } = layout[0].fields ?? {}
    const left = async () => {
      const documents = await sessions.find({ [id]: { $type: 'string' } }).toArray()
      return documents.map((document) => document[id]).sort()
    }
    await until(async () => (await left()).length <= ALIVE.length, 'the removal')
    assert.deepEqual(await left(), ALIVE)
  })
}

test("MongoDB's own TTL index removes the same", async (t) => {
  const mongod = await ownMongod(t, { args: ['--setParameter', 'ttlMonitorSleepSecs=1'] })
  const client = await driver(t, mongod.uri)
  const stores = Object.entries(LAYOUTS).map(([where, layout]) => {
    const collection = where.replaceAll(' ', '-')
    const store = openStore(t, { uri: mongod.uri, collection, ...layout[0] })
    return { store, sessions: client.db().collection(collection), layout }
  })
  for (const { store, sessions, layout } of stores) {
    await store.set('one', newSession())
    const hasIndex = async () => (await sessions.indexes()).some((index) => 'expireAfterSeconds' in index) // prettier-ignore
    await until(hasIndex, 'the index')
    await sessions.deleteMany({})
    await insertAll(sessions, layout)
    const { id = '_id' } = layout[0].fields ?? {}
    const left = async () => (await sessions.find().toArray()).map((document) => document[id]).sort() // prettier-ignore
    await until(async () => (await left()).length <= ALIVE.length, 'the removal')
    assert.deepEqual(await left(), ALIVE)
    // One more pass has nothing to remove.
    await sessions.insertOne({ [id]: 'later', ...lastOf(layout) })
    await until(async () => !(await left()).includes('later'), 'the next pass')
    assert.deepEqual(await left(), ALIVE)
  }
})

/** A moment that is over in any layout. */
function lastOf([{ fields = {} }]) {
  return { [fields.lastAccess ?? fields.expires ?? 'expires']: new Date(0) }
}
