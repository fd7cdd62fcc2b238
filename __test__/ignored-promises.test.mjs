// What becomes of a failure when the call has no callback and nobody waits for its promise.
import assert from 'node:assert/strict'
import test from 'node:test'
import express from 'express'
import { Browser, serve, sessionOf } from './express-support.mjs'
import { failure, newSession, onBothEngines, openStore, runProgram, until } from './support.mjs'

/** Calls that can never succeed, by what is wrong. */
const MISTAKES = {
  'get of a number': (store) => store.get(5),
  'get of nothing': (store) => store.get(),
  'get of a lone surrogate': (store) => store.get('\ud800'),
  'set of a session that is none': (store) => store.set('sid', 'a text'),
  'touch of an object': (store) => store.touch({ $ne: null }, newSession()),
  'destroy of nothing': (store) => store.destroy(undefined),
  'flagDeletion of nothing': (store) => store.flagDeletion(),
  'destroyMany without a filter': (store) => store.destroyMany(),
  'destroyMany of undefined': (store) => store.destroyMany({ user: undefined }),
  'destroyMany with an operator that the addon refuses': (store) =>
    store.destroyMany({ user: { $where: '1' } }),
  'destroyByUser of nobody': (store) => store.destroyByUser(''),
  'destroyByUser with an option that there is not': (store) =>
    store.destroyByUser('ada', { expect: 'sid' }),
  'sessionsOf of nobody': (store) => store.sessionsOf(undefined),
}

/** The warnings of the process during a test. */
function warnings(t) {
  const seen = []
  // Node's own about its variable is none of these.
  const listener = (warning) => {
    if (!warning.message.includes('NODE_DEBUG')) seen.push(warning)
  }
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  return seen
}

/** Waits until everything has been told that has happened so far. */
async function told(store) {
  await store.get('nobody').catch(() => {})
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
}

onBothEngines(test, 'a mistake in a call that nobody awaits is a warning', async (t, open) => {
  const store = open({ userId: ({ user }) => user })
  const seen = warnings(t)
  for (const [what, call] of Object.entries(MISTAKES)) {
    seen.length = 0
    call(store)
    await until(() => seen.length > 0, what)
    assert.equal(seen.length, 1, what)
    assert.equal(seen[0].name, 'TypeError', what)
    assert.match(seen[0].code, /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|STORE_FILTER)$/, what)
    assert.match(seen[0].message, /nobody awaits/, what)
  }
})

test('the warning says where the call was', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const seen = warnings(t)
  store.destroy(undefined)
  await until(() => seen.length > 0, 'the warning')
  assert.ok(seen[0].detail.includes(import.meta.filename), seen[0].detail)
})

onBothEngines(test, 'a mistake that somebody hears of is no warning', async (t, open) => {
  const store = open({ userId: ({ user }) => user })
  const seen = warnings(t)
  for (const call of Object.values(MISTAKES)) {
    await failure(call(store))
    await call(store).catch(() => {})
    await call(store).then(assert.fail, () => {})
    await Promise.allSettled([call(store)])
    await assert.rejects(async () => call(store), TypeError)
  }
  await new Promise((resolve) => store.get(5, resolve))
  await new Promise((resolve) => store.destroyMany({ user: { $where: '1' } }, resolve))
  await told(store)
  assert.deepEqual(seen, [])
})

onBothEngines(test, 'a failure that is no mistake stays with the promise', async (t, open) => {
  const store = open()
  const seen = warnings(t)
  const cycle = newSession()
  cycle.self = cycle
  store.set('sid', cycle)
  await told(store)
  await store.close()
  store.get('sid')
  store.destroy('sid')
  await told(store)
  assert.deepEqual(seen, [])
})

test('neither kind ends the process, whatever Node does with rejections', async () => {
  const { code, stderr } = await runProgram(
    `const store = new MongoSessionStore({ uri: 'memory:' })
    store.get(5)
    store.destroyMany({ a: { $where: '1' } })
    await store.close()
    store.get('sid')
    await new Promise((resolve) => setTimeout(resolve, 20))`,
    { env: { ...process.env, NODE_OPTIONS: '--unhandled-rejections=strict' } },
  )
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\[ERR_INVALID_ARG_TYPE\] TypeError: .*nobody awaits.* the session id/)
  assert.match(stderr, /\[ERR_STORE_FILTER\] TypeError: /)
})

test('a function among the options that is async and fails is refused, and ends no process', async () => {
  const { code, stdout, stderr } = await runProgram(
    `const later = async () => { throw new Error('the password of somebody') }
    const userId = () => 'ada'
    const refused = []
    const call = async (name, options, act) => {
      const store = new MongoSessionStore({ uri: 'memory:', ...options })
      await act(store).catch(({ code, message }) => refused.push([name, code, message]))
      await store.close()
    }
    const save = (store) => store.set('sid', { cookie: {} })
    for (const name of ['ttl', 'absoluteTimeout', 'userId', 'transformId', 'serialize']) {
      await call(name, { [name]: later }, save)
    }
    await call('maxPerUser', { userId, maxPerUser: later }, save)
    await call('indexes', { indexes: { a: later } }, save)
    await call('unserialize', { unserialize: later }, (store) => save(store).then(() => store.get('sid')))
    await call('device', { userId, device: later }, (store) => save(store).then(() => store.devices('ada')))
    await call('update', {}, (store) => save(store).then(() => store.update('sid', later)))
    const store = new MongoSessionStore({ uri: 'memory:', countsAsActivity: later })
    await save(store)
    store.createSession({ sessionID: 'sid', sessionStore: store }, await store.get('sid'))
    await store.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log(JSON.stringify(refused))`,
    { env: { ...process.env, NODE_OPTIONS: '--unhandled-rejections=strict' } },
  )
  assert.equal(code, 0, stderr)
  assert.ok(!stderr.includes('password'), stderr)
  const refused = JSON.parse(stdout)
  assert.equal(refused.length, 10, stdout)
  for (const [name, code, message] of refused) {
    assert.match(code, /^ERR_(STORE_OPTION|STORE_SERIALIZATION|INVALID_ARG_VALUE)$/, name)
    assert.match(message, name === 'update' ? /must not be async/ : /got a promise/, name)
  }
})

onBothEngines(
  test,
  'express-session destroys a session whose id is none without ending the process',
  async (t, open) => {
    const store = open()
    const seen = warnings(t)
    const app = express()
    app.use(sessionOf(store, { genid: () => 5 }))
    app.get('/', (req, res) => {
      req.session.destroy()
      res.send('destroyed')
    })
    const origin = await serve(t, app)
    assert.equal((await new Browser(origin).get('/')).text, 'destroyed')
    await until(() => seen.length > 0, 'the warning')
    assert.equal(seen[0].code, 'ERR_INVALID_ARG_TYPE')
  },
)
