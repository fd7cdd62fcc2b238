// Saves that fail: what they could not write is in the next one, and what others have written stays.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient } from 'mongodb'
import { onBothApps, recordUpdates, save, visitorOf } from './parallel-support.mjs'
import {
  afterwards,
  answers,
  failure,
  freeze,
  load,
  openStore,
  ownMongod,
  until,
} from './support.mjs'

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
