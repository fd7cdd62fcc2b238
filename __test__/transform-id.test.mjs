import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { MongoSessionStore } from '../index.mjs'
import { onMongodb } from './express-support.mjs'
import { PATIENT, database, failure, newSession, onBothEngines, openStore } from './support.mjs'

const reversed = (sid) => [...sid].reverse().join('')
const hashed = (sid) => createHash('sha256').update(sid).digest('base64url')

test('the document is stored under what transformId answers, behind the prefix', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, prefix: 'app:', transformId: reversed })
  await store.set('abc', newSession({ user: 'ada' }))
  const documents = await sessions.find().toArray()
  assert.deepEqual(
    documents.map(({ _id }) => _id),
    ['app:cba'],
  )
  // Another store without the option finds it by that.
  const plain = openStore(t, { uri, prefix: 'app:' })
  assert.equal((await plain.get('cba')).user, 'ada')
})

onBothEngines(test, 'every method finds the session by its own id', async (t, open) => {
  const store = open({ transformId: reversed })
  const told = []
  for (const name of ['create', 'set', 'touch', 'get', 'destroy']) {
    store.on(name, (sid) => told.push([name, sid]))
  }
  const session = newSession({ user: 'ada' })
  await store.set('abc', session)
  await store.touch('abc', session)
  assert.equal((await store.get('abc')).user, 'ada')
  assert.equal(await store.get('cba'), null)
  await store.destroy('abc')
  assert.equal(await store.length(), 0)
  assert.deepEqual(told, [
    ['create', 'abc'],
    ['set', 'abc'],
    ['touch', 'abc'],
    ['get', 'abc'],
    ['get', 'cba'],
    ['destroy', 'abc'],
  ])
  await store.set('abc', session)
  assert.equal(await store.flagDeletion('cba'), 0)
  assert.equal(await store.flagDeletion('abc'), 1)
  assert.equal(await store.get('abc'), null)
  assert.equal(await store.flagDeletion(null), 0)
  assert.equal(await store.cleanup(), 1)
})

/** The options by which an id is stored as something else, and as what. */
const STORED_AS = [
  ['transformId', { transformId: reversed }, reversed],
  ['hashIds', { hashIds: true }, hashed],
  ['both', { transformId: reversed, hashIds: true }, (sid) => hashed(reversed(sid))],
]

for (const [what, options, stored] of STORED_AS) {
  onBothEngines(test, `lists answer what is stored, with ${what}`, async (t, open) => {
    const store = open({ ...options, prefix: 'app:', userId: ({ user }) => user })
    await store.set('abc', newSession({ user: 'ada', device: 'telephone' }))
    await store.set('xyz', newSession({ user: 'ada', device: 'laptop' }))
    const both = [stored('abc'), stored('xyz')].sort()
    assert.deepEqual((await store.ids()).sort(), both)
    const scanned = []
    for await (const entry of store.scan()) scanned.push(entry)
    const lists = [
      scanned,
      await store.entries(),
      await store.sessionsOf('ada'),
      await store.find({ user: 'ada' }),
    ]
    for (const list of lists) assert.deepEqual(list.map(({ sid }) => sid).sort(), both)

    // No method finds a session by that, but by what the session holds.
    for (const { sid } of scanned) {
      assert.equal(await store.get(sid), null)
      await store.destroy(sid)
      assert.equal(await store.flagDeletion(sid), 0)
    }
    assert.equal(await store.length(), 2)
    assert.equal(await store.destroyMany({ device: { $eq: 'laptop' }, user: 'ada' }), 1)
    assert.equal(await store.get('xyz'), null)
    assert.equal(await store.destroyByUser('ada', { except: stored('abc') }), 1)
    await store.set('abc', newSession({ user: 'ada' }))
    assert.equal(await store.destroyByUser('ada', { except: 'abc' }), 0)
  })
}

test('what is encrypted may hold the id by which a session of a list is destroyed', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, {
    ...PATIENT,
    uri,
    hashIds: true,
    encryption: { keys: ['a passphrase of the application'] },
    userId: ({ user }) => user,
  })
  for (const own of ['abc', 'xyz']) await store.set(own, newSession({ user: 'ada', own }))
  const [one, other] = await store.sessionsOf('ada')
  await store.destroy(one.session.own)
  assert.deepEqual(await store.ids(), [other.sid])
  assert.equal(await sessions.countDocuments(), 1)
})

test('with hashIds it is the answer that is hashed', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, hashIds: true, transformId: reversed })
  await store.set('abc', newSession())
  const { _id } = await sessions.findOne()
  assert.equal(_id, hashed('cba'))
  assert.notEqual(await store.get('abc'), null)
})

onMongodb(
  'an app keeps its sessions apart, and what it discards has the id of the app',
  async (t, { open, visit, sessions }) => {
    const store = open({ transformId: (sid) => `id-${sid}` })
    const discarded = []
    store.on('discard', (sid) => discarded.push(sid))
    const browser = await visit({ store }, (app) => {
      app.get('/', (req, res) => {
        req.session.visits = (req.session.visits ?? 0) + 1
        res.send(String(req.session.visits))
      })
      app.get('/late', async (req, res) => {
        await store.destroy(req.sessionID)
        req.session.visits = -1
        res.end()
      })
    })
    assert.equal((await browser.get('/')).text, '1')
    assert.equal((await browser.get('/')).text, '2')
    const sid = browser.sid()
    const { _id, session } = await sessions.findOne()
    assert.equal(_id, `id-${sid}`)
    assert.equal(session.visits, 2)
    await browser.get('/late')
    assert.deepEqual(discarded, [sid])
    assert.equal(await sessions.countDocuments(), 0)
  },
)

const BAD = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a number', () => 5],
  ['an empty string', () => ''],
  ['a lone surrogate', () => '\ud800'],
  ['an object', (sid) => ({ $ne: sid })],
  ['a promise', async (sid) => sid],
]

for (const [what, transformId] of BAD) {
  test(`transformId must not answer ${what}`, async (t) => {
    const store = openStore(t, { uri: 'memory:', transformId })
    for (const call of [
      () => store.get('secret-sid'),
      () => store.set('secret-sid', newSession()),
      () => store.touch('secret-sid', newSession()),
      () => store.destroy('secret-sid'),
      () => store.flagDeletion('secret-sid'),
    ]) {
      const error = await failure(call())
      assert.ok(error instanceof TypeError)
      assert.equal(error.code, 'ERR_STORE_OPTION')
      assert.match(error.message, /'transformId'/)
      assert.ok(!error.stack.includes('secret-sid'))
    }
    assert.equal(await store.length(), 0)
  })
}

test('what transformId throws is what the call fails with', async (t) => {
  const thrown = new RangeError('no such tenant')
  const store = openStore(t, {
    uri: 'memory:',
    transformId() {
      throw thrown
    },
  })
  assert.equal(await failure(store.get('sid')), thrown)
  const error = await new Promise((resolve) => store.set('sid', newSession(), resolve))
  assert.equal(error, thrown)
  // The other calls are not held up by it.
  assert.equal(await store.length(), 0)
})

test('transformId is not asked for what is no session id', async (t) => {
  const asked = []
  const transformId = (sid) => asked.push(sid) && sid
  const store = openStore(t, { uri: 'memory:', transformId })
  await failure(store.get({ $ne: null }))
  await failure(store.set('sid', null))
  await store.flagDeletion(null)
  assert.deepEqual(asked, [])
})

test('transformId must be a function', () => {
  for (const transformId of ['upper', null, {}, true]) {
    assert.throws(
      () => new MongoSessionStore({ uri: 'memory:', transformId }),
      (error) => error instanceof TypeError && error.message.includes("'transformId'"),
    )
  }
})
