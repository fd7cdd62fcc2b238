// Saves that the store refuses, for what the session holds or for what a function among the options does. With
// express-session the page is on its way by then, and the error may reach nobody: the store tells of it, once.
import assert from 'node:assert/strict'
import test from 'node:test'
import { onEveryApp } from './express-support.mjs'
import { failure, load, newSession, onBothEngines, runProgram, until } from './support.mjs'

const SECRET = 'the password of somebody'

const fails = () => {
  throw new Error(SECRET)
}

const cyclic = () => {
  const cart = { secret: SECRET }
  cart.cart = cart
  return { cart }
}

const nested = () => {
  let list = []
  for (let depth = 0; depth < 500; depth++) list = [list]
  return { list }
}

const large = () => ({ text: 'x'.repeat(17 * 2 ** 20) })
const broken = () => ({ user: { toJSON: fails } })

const decrypt = (text) => text
const userId = (session) => session.user

/** Each: what the session holds, the options, and what the warning is. */
const REFUSED = {
  'a cycle': [cyclic, {}, 'SERIALIZATION', /refers to itself in a cycle/],
  'a cycle in a text': [
    cyclic,
    { stringify: true },
    'SERIALIZATION',
    /refers to itself in a cycle/,
  ],
  'too many levels': [nested, {}, 'SERIALIZATION', /nested more than 178 levels/],
  'too many bytes': [large, {}, 'TOO_LARGE', /more than the 16777216/],
  'a BigInt in a text': [() => ({ n: 1n }), { stringify: true }, 'SERIALIZATION', /a BigInt/],
  'a toJSON that fails': [broken, {}, 'SERIALIZATION', /a toJSON of the session, has failed/],
  'a toJSON that fails, in a text': [broken, { stringify: true }, 'SERIALIZATION', /a toJSON that/],
  'serialize fails': [Object, { serialize: fails }, 'SERIALIZATION', /'serialize' failed/],
  'serialize promises': [
    Object,
    { serialize: async (session) => session },
    'SERIALIZATION',
    /'serialize' must return .* got a promise/,
  ],
  'an adapter fails': [
    Object,
    { cryptoAdapter: { encrypt: fails, decrypt } },
    'SERIALIZATION',
    /'cryptoAdapter\.encrypt' failed/,
  ],
  'an adapter answers nothing': [
    Object,
    { cryptoAdapter: { encrypt: async () => undefined, decrypt } },
    'SERIALIZATION',
    /'cryptoAdapter\.encrypt' must return a string, got undefined/,
  ],
  'an index fails': [Object, { indexes: { a: fails } }, 'SERIALIZATION', /'indexes\.a' failed/],
  'an index answers an object': [Object, { indexes: { a: Object } }, 'OPTION', /'indexes\.a'/],
  'userId fails': [Object, { userId: fails }, 'SERIALIZATION', /a function among the options/],
  'userId answers an object': [Object, { userId: Object }, 'OPTION', /'userId' must return/],
  'ttl fails': [Object, { ttl: fails }, 'SERIALIZATION', /a function among the options/],
  'ttl answers a text': [Object, { ttl: () => '5 minutes' }, 'OPTION', /'ttl' must return/],
  'absoluteTimeout answers a text': [
    Object,
    { absoluteTimeout: () => '1 day' },
    'OPTION',
    /'absoluteTimeout' must return/,
  ],
  'maxPerUser answers 0': [Object, { userId, maxPerUser: () => 0 }, 'OPTION', /'maxPerUser' must/],
  'transformId fails': [Object, { transformId: fails }, 'SERIALIZATION', /among the options/],
  'transformId answers nothing': [
    Object,
    { transformId: () => '' },
    'OPTION',
    /'transformId' must/,
  ],
}

for (const [what, [data, options, code, message]] of Object.entries(REFUSED)) {
  onBothEngines(test, `a save that is refused is a warning, once: ${what}`, async (t, open) => {
    const store = open(options)
    const session = newSession(data({}))
    for (let time = 0; time < 2; time++) {
      const error = await failure(store.set('sid', session))
      assert.ok(error instanceof Error)
      await until(() => store.events.length > 0, 'the warning')
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(store.events.length, 1)
    const [{ name, value }] = store.events
    assert.deepEqual([name, value.code], ['warning', `ERR_STORE_${code}`])
    assert.match(value.message, message)
    assert.ok(!`${value.message} ${value.stack}`.includes(SECRET))
    assert.equal(await store.length(), 0)
  })
}

onBothEngines(
  test,
  'a refused save loses nothing of what was there, by a touch neither',
  async (t, open) => {
    let lifetime = 60_000
    const store = open({ ttl: () => lifetime })
    await store.set('sid', newSession({ user: 'ada' }))
    const session = await load(store)
    Object.assign(session, cyclic())
    await failure(store.set('sid', session))
    lifetime = '5 minutes'
    await failure(store.touch('sid', session))
    await until(() => store.events.length > 1, 'two warnings')
    const codes = store.events.map(({ value }) => value.code)
    assert.deepEqual(codes, ['ERR_STORE_SERIALIZATION', 'ERR_STORE_OPTION'])
    assert.equal((await store.get('sid')).user, 'ada')
    // And it is saved when it can be.
    lifetime = 60_000
    delete session.cart
    session.more = 1
    await store.set('sid', session)
    assert.equal((await store.get('sid')).more, 1)
  },
)

const failsSilently = (thrown) => () => {
  throw thrown
}

/** Each: a call that fails because a function of the application does, and the store's options for it. */
const SILENT = {
  ttl: (fail) => [{ ttl: fail }],
  absoluteTimeout: (fail) => [{ absoluteTimeout: fail }],
  userId: (fail) => [{ userId: fail }],
  maxPerUser: (fail) => [{ userId, maxPerUser: fail }],
  indexes: (fail) => [{ indexes: { a: fail } }],
  transformId: (fail) => [{ transformId: fail }],
  serialize: (fail) => [{ serialize: fail, unserialize: Object }],
  encrypt: (fail) => [{ cryptoAdapter: { encrypt: async () => fail(), decrypt } }],
  toJSON: (fail) => [{}, (store, done) => store.set('sid', newSession({ a: { toJSON: fail } }), done)], // prettier-ignore
  getter: (fail) => {
    const session = Object.defineProperty(newSession(), 'a', { get: fail, enumerable: true })
    return [{}, (store, done) => store.set('sid', session, done)]
  },
  update: (fail) => [{}, (store, done) => store.update('there', fail, done)],
  unserialize: (fail) => [
    { serialize: Object, unserialize: fail },
    (store, done) => store.get('there', done),
  ],
  decrypt: (fail) => [
    { cryptoAdapter: { encrypt: (text) => `not ${text}`, decrypt: async () => fail() } },
    (store, done) => store.get('there', done),
  ],
  'previousStore.get': (fail) => [
    { previousStore: { get: fail, destroy: (_sid, done) => done() } },
    (store, done) => store.get('sid', done),
  ],
  'previousStore.destroy': (fail) => [
    { previousStore: { get: (_sid, done) => done(), destroy: fail } },
    (store, done) => store.destroy('sid', done),
  ],
}

const saves = (store, done) => store.set('sid', newSession({ user: 'ada' }), done)

for (const [what, prepare] of Object.entries(SILENT)) {
  onBothEngines(test, `who throws nothing has failed as well: ${what}`, async (t, open) => {
    for (const thrown of [undefined, null, 0, '', false, NaN, 0n]) {
      let isReady = false
      const fail = (...args) => {
        if (isReady) failsSilently(thrown)()
        // What is there before.
        const [first] = args
        return typeof first === 'string' ? first : 60_000
      }
      const [options, call = saves] = prepare(fail)
      const store = open(options)
      if (call !== saves && what !== 'toJSON' && what !== 'getter') {
        await store.set('there', newSession())
      }
      isReady = true
      const answer = await new Promise((resolve) => call(store, (...given) => resolve(given)))
      assert.ok(answer[0] instanceof Error, `${String(thrown)}: ${answer}`)
      assert.match(answer[0].code, /^ERR_STORE_/)
      assert.equal(answer.length, 1)
      const error = await failure(new Promise((resolve, reject) => call(store, (error) => (error ? reject(error) : resolve())))) // prettier-ignore
      assert.equal(error.code, answer[0].code)
      assert.equal(store.stats().inFlight, 0)
    }
  })
}

onEveryApp(
  'what is refused when the page is on its way is a warning',
  async (t, { open, visit }) => {
    const ways = [
      [{}, (session) => Object.assign(session, nested()), /nested/],
      [{ serialize: fails }, (session) => Object.assign(session, { user: 'ada' }), /'serialize'/],
    ]
    for (const [options, change, message] of ways) {
      const store = open(options)
      const browser = await visit({ store }, (app) => {
        app.get('/', (req, res) => {
          change(req.session)
          res.end('welcome')
        })
      })
      // Whether all of the page arrives is between express-session and the connection.
      for (let time = 0; time < 2; time++) await browser.get('/').catch(() => {})
      await until(() => store.events.length > 0, 'the warning')
      const [{ name, value }, ...others] = store.events
      assert.deepEqual(others, [])
      assert.deepEqual([name, value.code], ['warning', 'ERR_STORE_SERIALIZATION'])
      assert.match(value.message, message)
    }
  },
)

test('without a listener it is a warning of the process, which quotes nothing', async () => {
  const { code, stderr } = await runProgram(`
    const serialize = () => { throw new Error('${SECRET}') }
    const store = new MongoSessionStore({ uri: 'memory:', serialize })
    for (let time = 0; time < 3; time++) await store.set('sid', { cookie: {} }).catch(() => {})
    await store.close()
  `)
  assert.equal(code, 0, stderr)
  assert.equal(stderr.match(/ERR_STORE_SERIALIZATION/g).length, 1, stderr)
  assert.match(stderr, /the option 'serialize' failed/)
  assert.ok(!stderr.includes(SECRET))
})
