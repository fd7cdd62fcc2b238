// What a save sends, as the database's profiler shows it, and saves that fail.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import { onBothApps, recordUpdates, reload, save, visitorOf } from './parallel-support.mjs'
import {
  afterwards,
  answers,
  database,
  failure,
  freeze,
  load,
  openStore,
  ownMongod,
  until,
} from './support.mjs'

/** A test with an app on MongoDB, whose updates are answered by `updates(count)`. */
function onTheWire(title, data, body) {
  test(title, async (t) => {
    const { uri, db } = await database(t)
    const visitor = await visitorOf(t, openStore(t, { uri }))
    await visitor.login(data)
    await body(visitor, await recordUpdates(db))
  })
}

/** The first of `count` updates, without what every save writes. */
async function firstUpdate(updates, visitor, count = 1) {
  const [{ q, u, upsert, multi }] = await updates(count)
  assert.deepEqual(q, { _id: visitor.sid })
  assert.ok(!upsert && !multi)
  const { expires, 'session.cookie': cookie, ...set } = u.$set
  assert.ok(expires instanceof Date)
  assert.equal(cookie.path, '/')
  return { ...u, $set: set }
}

// express-session touches a session at the end of the request that has saved it itself.
const SAVE_AND_TOUCH = 2

const EVERY_TYPE = {
  since: new Date(0),
  key: Buffer.from('key'),
  numbers: [1, 0.5, -0, NaN, Infinity, 2 ** 40],
  nested: { list: [{ when: new Date(1) }, null, ''], 'a.b': { $c: true } },
  nothing: null,
}

onTheWire('a save with nothing changed writes the cookie alone', EVERY_TYPE, async (v, updates) => {
  await v.request(save)
  assert.deepEqual(await firstUpdate(updates, v, SAVE_AND_TOUCH), { $set: {} })
})

onTheWire(
  'a save with a changed cookie writes the cookie alone',
  EVERY_TYPE,
  async (v, updates) => {
    await v.request(async (req) => {
      req.session.cookie.maxAge = 1_000_000
      await save(req)
    })
    assert.deepEqual(await firstUpdate(updates, v, SAVE_AND_TOUCH), { $set: {} })
  },
)

onTheWire('a save writes the changed keys alone', EVERY_TYPE, async (v, updates) => {
  await v.request(({ session }) => {
    session.key = 'changed'
    session.added = [1]
    delete session.numbers
    delete session.nothing
  })
  assert.deepEqual(await firstUpdate(updates, v), {
    $set: { 'session.key': 'changed', 'session.added': [1] },
    $unset: { 'session.nothing': 1, 'session.numbers': 1 },
  })
})

onTheWire('a change deep inside writes its top-level key', EVERY_TYPE, async (v, updates) => {
  await v.request(({ session }) => void (session.nested.list[1] = 1))
  const { $set, ...rest } = await firstUpdate(updates, v)
  assert.deepEqual(Object.keys($set), ['session.nested'])
  assert.deepEqual(rest, {})
})

onTheWire(
  'each of several saves writes what changed since the last',
  { a: 1 },
  async (v, updates) => {
    await v.request(async (req) => {
      req.session.first = 1
      await save(req)
      req.session.second = 2
      await save(req)
      delete req.session.first
    })
    const changes = (await updates(3)).map(({ u }) => {
      const { expires: _expires, 'session.cookie': _cookie, ...set } = u.$set
      return { ...u, $set: set }
    })
    assert.deepEqual(changes, [
      { $set: { 'session.first': 1 } },
      { $set: { 'session.second': 2 } },
      { $set: {}, $unset: { 'session.first': 1 } },
    ])
  },
)

onTheWire('after a reload a save writes what changed since', { a: 1 }, async (v, updates) => {
  await v.request(async (req) => {
    req.session.a = 2
    const session = await reload(req)
    session.b = 1
  })
  assert.deepEqual(await firstUpdate(updates, v), { $set: { 'session.b': 1 } })
})

onTheWire('a request that only reads moves the expiry alone', EVERY_TYPE, async (v, updates) => {
  await v.request(({ session }) => session.since)
  const [{ u }] = await updates(1)
  assert.deepEqual(Object.keys(u.$set), ['expires'])
  assert.deepEqual(Object.keys(u), ['$set'])
})

onTheWire('keys that no path can name are one update as well', { 'a.b': 1 }, async (v, updates) => {
  await v.request(({ session }) => {
    session.$c = 1
    session[''] = 1
    session.plain = 1
    delete session['a.b']
  })
  const [{ q, u, upsert }] = await updates(1)
  assert.deepEqual(q, { _id: v.sid })
  assert.ok(Array.isArray(u) && !upsert)
  assert.deepEqual(await v.data(), { $c: 1, '': 1, plain: 1 })
})

const ODD_KEYS = ['a.b', '.', '$c', '$', '$set', '$$ROOT', '', 'x.$y', 'nul\0', '\0', '1.5', '$a.b']

for (const key of ODD_KEYS) {
  const name = JSON.stringify(key)

  onBothApps(`the key ${name} survives a parallel change`, {}, async (t, visitor) => {
    await visitor.login({ [key]: 1, other: 1 })
    await visitor.inTurn(
      (session) => void (session[key] = { [key]: 2 }),
      (session) => void (session.other = 2),
    )
    assert.deepEqual(await visitor.data(), { [key]: { [key]: 2 }, other: 2 })
    await visitor.inTurn(
      (session) => void (session.other = 3),
      (session) => void (session[key] = '$other'),
    )
    assert.deepEqual(await visitor.data(), { [key]: '$other', other: 3 })
  })

  onBothApps(`the key ${name} is added and removed in parallel`, {}, async (t, visitor) => {
    await visitor.login({ remove: 1, change: 1 })
    await visitor.atOnce(
      (session) => void (session[key] = 1),
      (session) => void delete session.remove,
    )
    assert.deepEqual(await visitor.data(), { [key]: 1, change: 1 })
    await visitor.atOnce(
      (session) => void delete session[key],
      (session) => void (session.change = 2),
    )
    assert.deepEqual(await visitor.data(), { change: 2 })
  })
}

onBothApps('odd keys and ordinary ones change together', {}, async (t, visitor) => {
  const all = (value) => Object.fromEntries(ODD_KEYS.map((key) => [key, value]))
  await visitor.login({ ...all(1), plain: 1, stays: 1 })
  await visitor.request(({ session }) => {
    for (const [index, key] of ODD_KEYS.entries()) {
      if (index % 2) session[key] = '$stays'
      else delete session[key]
    }
    session.plain = { $literal: '$stays' }
    session.added = '$$ROOT'
  })
  const kept = ODD_KEYS.filter((_, index) => index % 2)
  assert.deepEqual(await visitor.data(), {
    ...Object.fromEntries(kept.map((key) => [key, '$stays'])),
    plain: { $literal: '$stays' },
    stays: 1,
    added: '$$ROOT',
  })
})

onBothApps('a thousand keys are removed together with an odd one', {}, async (t, visitor) => {
  const keys = Array.from({ length: 1000 }, (_, index) => `key${index}`)
  await visitor.login({ 'a.b': 1, stays: 1, ...Object.fromEntries(keys.map((key) => [key, 1])) })
  await visitor.request(({ session }) => {
    for (const key of keys) delete session[key]
    session['a.b'] = 2
  })
  assert.deepEqual(await visitor.data(), { 'a.b': 2, stays: 1 })
})

/** An app on a mongod of the test's own, which can be told to fail. */
async function onOwnMongod(t) {
  const mongod = await ownMongod(t, { args: ['--setParameter', 'enableTestCommands=1'] })
  const client = await MongoClient.connect(mongod.uri)
  afterwards(t, () => client.close())
  const store = openStore(t, { uri: mongod.uri })
  await answers(store)
  const visitor = await visitorOf(t, store)
  return { mongod, store, admin: client.db('admin'), db: client.db(), visitor }
}

test('what a save could not write at a frozen server is in the next save', async (t) => {
  const { mongod, store, visitor } = await onOwnMongod(t)
  await visitor.login({ a: 0, b: 0 })
  await visitor.request(async (req) => {
    req.session.a = 1
    await freeze(mongod.pid)
    const error = await failure(save(req))
    process.kill(mongod.pid, 'SIGCONT')
    await answers(store)
    assert.match(error.code, /^ERR_STORE_(TIMEOUT|CONNECTION)$/)
    req.session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 1, b: 1 })
})

test('what a save could not write at a stopped server is in the next save', async (t) => {
  const { mongod, store, admin, visitor } = await onOwnMongod(t)
  await visitor.login({ a: 0, b: 0 })
  await admin.command({ fsync: 1 })
  await visitor.request(async (req) => {
    req.session.a = 1
    await mongod.kill()
    await failure(save(req))
    await mongod.start()
    await answers(store)
    req.session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 1, b: 1 })
})

test('a save that failed but was written can be taken back', async (t) => {
  const { admin, visitor } = await onOwnMongod(t)
  await visitor.login({ a: 0, b: 0 })
  await visitor.request(async (req) => {
    Object.assign(req.session, { a: 1, added: 1 })
    await admin.command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['update'], writeConcernError: { code: 64, errmsg: 'in the test' } },
    })
    const error = await failure(save(req))
    assert.equal(error.code, 'ERR_STORE_SERVER')
    assert.equal((await visitor.data()).a, 1)
    req.session.a = 0
    delete req.session.added
    req.session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 0, b: 1 })
})

test('the save of a new session that failed creates it the next time', async (t) => {
  const { admin, visitor } = await onOwnMongod(t)
  await visitor.request(async (req) => {
    req.session.a = 1
    await admin.command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['update'], errorCode: 8000 },
    })
    assert.equal((await failure(save(req))).code, 'ERR_STORE_SERVER')
    req.session.b = 1
  })
  assert.deepEqual(await visitor.data(), { a: 1, b: 1 })
})

const SHAPES = {
  'a small one': {},
  'a large one': { filling: 'x'.repeat(10_000) },
  'one with a date': { since: new Date(0) },
}

for (const [shape, data] of Object.entries(SHAPES)) {
  test(`after many saves that failed the next one is a difference, ${shape}`, async (t) => {
    const { db, admin, visitor } = await onOwnMongod(t)
    await visitor.login({ a: 0, gone: 1, whole: 1, theirs: 'old', ...data })
    await visitor.request(async (req) => {
      const failures = 30
      await admin.command({
        configureFailPoint: 'failCommand',
        mode: { times: failures },
        data: { failCommands: ['update'], errorCode: 8000 },
      })
      for (let count = 1; count <= failures; count++) {
        req.session.a = count % 5
        if (count === 3) req.session.early = true
        if (count === 4) delete req.session.gone
        if (count === 5) delete req.session.early
        if (count === 6) req.session.gone = 1
        assert.equal((await failure(save(req))).code, 'ERR_STORE_SERVER')
      }
      const sessions = db.collection('sessions')
      await sessions.updateOne({}, { $set: { 'session.theirs': 'new', 'session.early': 1 } })
      const updates = await recordUpdates(db)
      await save(req)
      req.session.b = 2
      await save(req)
      const [first, second] = (await updates(2)).map(({ u }) => u)
      const keys = ({ $set }) => Object.keys($set).sort()
      const always = ['expires', 'session.cookie']
      assert.deepEqual(keys(first), ['expires', 'session.a', 'session.cookie', 'session.gone'])
      assert.deepEqual(first.$unset, { 'session.early': 1 })
      assert.deepEqual(keys(second), [...always, 'session.b'].sort())
    })
    const expected = { a: 0, gone: 1, whole: 1, theirs: 'new', b: 2, ...data }
    assert.deepEqual(await visitor.data(), expected)
  })
}

onBothApps('many saves that have not come back undo nothing', {}, async (t, visitor) => {
  await visitor.login({ mine: 0, theirs: 0 })
  for (let round = 1; round <= 20; round++) {
    await visitor.request(async (req) => {
      await visitor.request(({ session }) => void (session.theirs = round))
      const saves = Array.from({ length: 50 }, (_, index) => {
        req.session.mine = `${round}, ${index}`
        return save(req)
      })
      await Promise.all(saves)
    })
    assert.deepEqual(await visitor.data(), { mine: `${round}, 49`, theirs: round })
  }
})

test('saves that an outage has refused are as if they had not been called', async (t) => {
  const { mongod, store, visitor, admin } = await onOwnMongod(t)
  await visitor.login({ mine: 0, taken: 'old', theirs: 'old' })
  const other = openStore(t, { uri: mongod.uri })
  await answers(other)
  await admin.command({ fsync: 1 })
  await visitor.request(async (req) => {
    await mongod.kill()
    await until(() => !store.connected, 'the outage')
    req.session.taken = 'new'
    for (let count = 1; count <= 9; count++) {
      req.session.mine = count
      assert.equal((await failure(save(req))).code, 'ERR_STORE_CONNECTION')
    }
    await mongod.start()
    await answers(store)
    await answers(other)
    const session = await load(other, visitor.sid)
    Object.assign(session, { taken: 'changed', theirs: 'changed' })
    await other.set(visitor.sid, session)
    req.session.taken = 'old'
  })
  assert.deepEqual(await visitor.data(), { mine: 9, taken: 'changed', theirs: 'changed' })
})
