import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import { database, failure, newSession, onBothEngines, openStore } from './support.mjs'

const NO_SIDS = [
  { $ne: null },
  { $gt: '' },
  { toString: () => 'sid' },
  ['sid'],
  [],
  5,
  0,
  null,
  undefined,
  true,
  Symbol('sid'),
  5n,
  Object('sid'),
  /sid/,
  Buffer.from('sid'),
  '\ud800',
  'sid\udc00',
]

for (const sid of NO_SIDS) {
  onBothEngines(test, `${inspect(sid)} is refused as a session id`, async (t, open) => {
    const store = open()
    await store.set('sid', newSession({ untouched: true }))
    for (const [method, ...args] of [
      ['get'],
      ['set', newSession()],
      ['touch', newSession()],
      ['destroy'],
    ]) {
      const error = await failure(store[method](sid, ...args))
      assert.ok(error instanceof TypeError, method)
      assert.match(error.message, /session id/)
      const told = await new Promise((resolve) => store[method](sid, ...args, resolve))
      assert.ok(told instanceof TypeError, method)
    }
    assert.equal((await store.get('sid')).untouched, true)
    assert.equal(await store.length(), 1)
  })
}

const SIDS = [
  '',
  ' ',
  '$ne',
  '{"$ne":null}',
  '$where',
  '.',
  'a.b',
  '__proto__',
  'constructor',
  'a\0b',
  '\0',
  '"',
  '👩‍👧',
  '\ufdd0d800',
  '[object Object]',
  'x'.repeat(10_000),
]

onBothEngines(test, 'any other string is a session id and nothing else', async (t, open) => {
  const store = open()
  await Promise.all(SIDS.map((sid, n) => store.set(sid, newSession({ n }))))
  assert.equal(await store.length(), SIDS.length)
  for (const [n, sid] of SIDS.entries()) assert.equal((await store.get(sid)).n, n)
  await store.destroy('$ne')
  await store.destroy('{"$ne":null}')
  await store.touch('', newSession({}, -1))
  assert.equal(await store.length(), SIDS.length - 3)
  assert.equal((await store.get('$where')).n, SIDS.indexOf('$where'))
})

test('a session id is stored as it is', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, prefix: '$p.' })
  await Promise.all(SIDS.map((sid) => store.set(sid, newSession())))
  const ids = (await sessions.find().toArray()).map(({ _id }) => _id)
  assert.deepEqual(ids.sort(), SIDS.map((sid) => `$p.${sid}`).sort())
})

for (const session of [null, undefined, 'text', 5, true, () => {}, Symbol('s')]) {
  onBothEngines(test, `${inspect(session)} is refused as a session`, async (t, open) => {
    const store = open()
    const error = await failure(store.set('sid', session))
    assert.ok(error instanceof TypeError)
    assert.match(error.message, /session/)
    assert.equal(await store.get('sid'), null)
  })
}

const UNFIT = [
  ['get', [5], 'the session id of get must be a string without lone surrogates, got a number'],
  [
    'set',
    [{}, {}],
    'the session id of set must be a string without lone surrogates, got an object',
  ],
  ['set', ['sid', [1]], 'the session of set must be an object, got an array'],
  ['set', ['sid'], 'the session of set must be an object, got undefined'],
  ['touch', ['\ud800', {}], /id of touch must .*, got a string with a lone surrogate$/],
  [
    'destroy',
    [null],
    'the session id of destroy must be a string without lone surrogates, got null',
  ],
  ['flagDeletion', [], /the session id of flagDeletion must .*, got undefined$/],
  ['find', ['ada'], 'the filter of find must be a plain object, got a string'],
  ['destroyMany', [Promise.resolve({})], /the filter of destroyMany must .*, got a promise$/],
  ['sessionsOf', [''], /the user of sessionsOf must be .*, got an empty string$/],
  ['destroyByUser', [1.5], /the user of destroyByUser must be .*, got a number with a fraction$/],
  ['destroyByUser', ['ada', 'sid'], 'the options of destroyByUser must be an object, got a string'],
  ['destroyByUser', ['ada', { except: 5 }], /'except' of destroyByUser must be .*, got a number$/],
]

for (const [method, args, message] of UNFIT) {
  test(`what does not fit is told: ${message}`, async (t) => {
    const store = openStore(t, { uri: 'memory:', userId: () => 'ada' })
    const error = await failure(store[method](...args))
    assert.ok(error instanceof TypeError)
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    if (typeof message === 'string') assert.equal(error.message, message)
    else assert.match(error.message, message)
  })
}

for (const method of ['get', 'set', 'all', 'length', 'clear', 'ping', 'ids', 'find', 'close']) {
  test(`what is no callback of ${method} is told`, (t) => {
    const store = openStore(t, { uri: 'memory:' })
    const given = { get: ['sid'], set: ['sid', newSession()], find: [{}, {}] }[method] ?? []
    assert.throws(() => store[method](...given, 'done'), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: `the callback of ${method} must be a function, got a string`,
    })
  })
}

test('what does not fit of scan is told', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const first = (options) => failure(store.scan(options).next())
  assert.equal((await first(5)).message, 'the options of scan must be an object, got a number')
  const { message } = await first({ filter: null })
  assert.equal(message, 'the filter of scan must be a plain object, got null')
})

onBothEngines(test, 'touch needs no more of a session than its cookie', async (t, open) => {
  const store = open()
  await store.set('sid', newSession())
  const expires = new Date(Date.now() + 900_000)
  await store.touch('sid', { cookie: { expires } })
  assert.deepEqual((await store.get('sid')).cookie.expires, expires)
})

onBothEngines(test, 'a session that looks like an update is data', async (t, open) => {
  const store = open()
  await store.set('other', newSession({ role: 'user' }))
  const attack = {
    ...newSession(),
    $set: { 'session.role': 'admin' },
    $unset: { expires: 1 },
    'cookie._expires': new Date(8e15),
    'session.role': 'admin',
    role: { $literal: '$session', $concat: ['$_id'] },
    __proto__: { inherited: true },
  }
  await store.set('sid', attack)
  const { cookie: _, ...read } = await store.get('sid')
  const { cookie: __, ...data } = attack
  assert.deepEqual(read, data)
  assert.equal((await store.get('other')).role, 'user')
})
