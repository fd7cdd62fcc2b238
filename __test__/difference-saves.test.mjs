// What a save sends, as the database's profiler shows it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onBothApps, recordUpdates, reload, save, visitorOf } from './parallel-support.mjs'
import { database, openStore } from './support.mjs'

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
