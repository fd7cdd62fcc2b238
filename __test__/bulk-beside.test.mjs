// What changes many sessions goes on beside everything else: what is called later for one of them waits for
// that one's part, and is not undone.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  PATIENT,
  database,
  failure,
  load,
  newSession,
  onBothEngines,
  openStore,
} from './support.mjs'
import { watchCommands } from './wire.mjs'

/** More than one slice of either engine. */
const COUNT = 2500

const numbers = Array.from({ length: COUNT }, (_, n) => n)

/** A store with so many sessions, named so that a new one may come before, among or behind them. */
async function filled(open, options = {}) {
  const store = open({ ...PATIENT, ...options })
  await Promise.all(numbers.map((n) => store.set(`m${n}`, newSession({ n, kind: 'old' }))))
  return store
}

for (const [what, remove, { stays = 0, ...options } = {}] of [
  ['clear', (store) => store.clear()],
  ['destroyMany', (store) => store.destroyMany({ kind: 'old' })],
  ['destroyMany of everything', (store) => store.destroyMany({})],
  [
    'destroyByUser',
    (store) => store.destroyByUser('ada', { except: 'm7' }),
    { userId: () => 'ada', stays: 1 },
  ],
  ['flagDeletion', (store) => store.flagDeletion(null)],
  ['clear with deleteFlags', (store) => store.clear(), { deleteFlags: true }],
]) {
  const title = `${what} covers what was called before it and leaves alone what is called after it`
  onBothEngines(test, title, async (t, open) => {
    const store = await filled(open, options)
    const loaded = await load(store, 'm2000')
    // Neither is waited for: a new session of before, and one that was there.
    const before = store.set('before', newSession({ kind: 'old' }))
    const changed = store.set('m1000', newSession({ n: 1000, kind: 'old' }))
    const removing = remove(store)
    const discarded = []
    store.on('discard', (sid) => discarded.push(sid))
    const news = ['a', 'm1500x', 'z'].map((sid) => store.set(sid, newSession({ kind: 'new' })))
    loaded.kind = 'saved'
    const saved = store.set('m2000', loaded)
    const touched = store.touch('m2400', newSession())
    const got = Promise.all(['before', 'm1000', 'm2499'].map((sid) => store.get(sid)))
    assert.deepEqual(await got, [null, null, null])
    await Promise.all([before, changed, saved, touched, ...news])
    const count = await removing
    if (count !== undefined) assert.equal(count, COUNT + 1 - stays)
    assert.deepEqual(discarded, ['m2000'])
    for (const sid of ['a', 'm1500x', 'z']) assert.equal((await store.get(sid)).kind, 'new')
    assert.equal(await store.length(), 3 + stays)
    if (stays > 0) assert.equal((await store.get('m7')).n, 7)
  })
}

onBothEngines(test, 'cleanup leaves alone what was flagged after it', async (t, open) => {
  const store = await filled(open)
  await Promise.all(numbers.slice(0, -1).map((n) => store.flagDeletion(`m${n}`)))
  const cleaning = store.cleanup()
  const saved = store.set('m3', newSession({ kind: 'new' }))
  const flagged = store.flagDeletion(`m${COUNT - 1}`)
  assert.equal(await cleaning, COUNT - 1)
  assert.equal(await flagged, 1)
  await saved
  assert.equal((await store.get('m3')).kind, 'new')
  assert.equal(await store.cleanup(), 1)
})

/** A store through whose connections commands may be held, and its collection. */
async function watched(t, { held, ...options } = {}) {
  const { uri, sessions } = await database(t)
  const { port, commands } = await watchCommands(t, new URL(uri).port, { held })
  const address = new URL(uri)
  address.port = port
  const store = openStore(t, { uri: address.href, ...PATIENT, ...options })
  return { store, sessions, commands }
}

/** Sessions that somebody else has stored. */
function fill(sessions) {
  const expires = new Date(Date.now() + 60_000)
  const session = { cookie: {}, kind: 'old' }
  return sessions.insertMany(numbers.map((n) => ({ _id: `m${n}`, expires, session })))
}

test('calls are answered while a slice of a removal is still under way', async (t) => {
  const events = new EventEmitter()
  const reached = once(events, 'reached')
  const released = once(events, 'released')
  let first = true
  const held = (command) => {
    if (command.delete === undefined || !first) return undefined
    first = false
    events.emit('reached')
    return released
  }
  const { store, sessions } = await watched(t, { held })
  await fill(sessions)
  let isRemoved = false
  const removing = store.destroyMany({ kind: 'old' }).then((count) => {
    isRemoved = true
    return count
  })
  await reached
  await store.set('new', newSession({ kind: 'new' }))
  await store.touch('new', newSession())
  assert.equal((await store.get('new')).kind, 'new')
  // One of those that are to be removed, and whose turn has not come.
  await store.set('m999', newSession({ kind: 'new' }))
  assert.ok(!isRemoved)
  events.emit('released')
  assert.equal(await removing, COUNT)
  assert.equal((await store.get('m999')).kind, 'new')
})

test('a removal has as much time again with every slice', async (t) => {
  // Much more than a slice takes, even if a busy machine stands still for a while.
  const operationTimeout = 4000
  const held = (command) => (command.delete === undefined ? undefined : sleep(850))
  const { store, sessions } = await watched(t, { held, operationTimeout })
  await fill(sessions)
  const since = performance.now()
  await store.clear()
  assert.ok(performance.now() - since > operationTimeout)
  assert.equal(await sessions.countDocuments(), 0)
})

test('a removal ends by its time when it makes no progress, and what was not sent is not done', async (t) => {
  // The slice before it has as much, and a busy machine needs some of it.
  const operationTimeout = 4000
  const events = new EventEmitter()
  const released = once(events, 'released')
  let count = 0
  const held = (command) => (command.delete && ++count === 2 ? released : undefined)
  const { store, sessions } = await watched(t, { held, operationTimeout })
  await fill(sessions)
  assert.equal((await failure(store.clear())).code, 'ERR_STORE_TIMEOUT')
  assert.equal(await sessions.countDocuments(), COUNT - 500)
  events.emit('released')
})

test('no command of a removal is about more than a slice of the sessions', async (t) => {
  const { store, sessions, commands } = await watched(t)
  await fill(sessions)
  assert.equal(await store.destroyMany({ kind: 'old' }), COUNT)
  const removals = commands.filter((command) => command.delete !== undefined)
  const removed = removals.flatMap(({ deletes }) => deletes.map(({ q }) => q._id.$in))
  assert.ok(removed.length >= 5)
  assert.ok(removed.every((ids) => ids.length <= 500))
  assert.equal(removed.flat().length, COUNT)
})

test('a document that no longer matches when its slice comes stays', async (t) => {
  const { store, sessions, commands } = await watched(t)
  await store.set('sid', newSession({ kind: 'old' }))
  assert.equal(await store.destroyMany({ kind: 'old' }), 1)
  const [{ deletes }] = commands.filter((command) => command.delete !== undefined)
  assert.equal(deletes[0].q._id, 'sid')
  // Another process may have changed it since its id was read.
  await sessions.insertOne({ _id: 'sid', session: { cookie: {}, kind: 'new' } })
  assert.equal(await sessions.countDocuments(deletes[0].q), 0)
})
