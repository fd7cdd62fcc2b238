// How a session is stored: as a document, as JSON text, or as the application has it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { reversing } from './encryption-support.mjs'
import { onMongodb } from './express-support.mjs'
import { database, failure, load, newSession, onBothEngines, openStore } from './support.mjs'

onBothEngines(test, 'a session may be stored as JSON text', async (t, open, { sessions }) => {
  const store = open({ stringify: true })
  const session = newSession({ user: 'ada', when: new Date(0), list: [1, null, 'ä'] })
  await store.set('sid', session)
  const { cookie, ...data } = await store.get('sid')
  assert.deepEqual(data, { user: 'ada', when: '1970-01-01T00:00:00.000Z', list: [1, null, 'ä'] })
  assert.deepEqual(cookie.expires, session.cookie._expires)
  assert.equal((await store.all()).length, 1)
  assert.equal(await store.length(), 1)
  if (sessions) {
    const stored = await sessions.findOne()
    assert.equal(stored.session, JSON.stringify(session))
    assert.deepEqual(stored.expires, session.cookie._expires)
  }
})

test('each document says how it is stored, and the next save writes the configured form', async (t) => {
  const { uri, sessions } = await database(t)
  const documents = openStore(t, { uri })
  const texts = openStore(t, { uri, stringify: true })
  await texts.set('text', newSession({ n: 1, nested: { a: [1] } }))
  await documents.set('document', newSession({ n: 1 }))
  const fromText = await load(documents, 'text')
  const fromDocument = await load(texts, 'document')
  assert.equal(fromText.n, 1)
  assert.equal(fromDocument.n, 1)
  fromText.n = 2
  fromDocument.n = 2
  await documents.set('text', fromText)
  await texts.set('document', fromDocument)
  const { session } = await sessions.findOne({ _id: 'text' })
  assert.equal(session.n, 2)
  assert.deepEqual(session.nested, { a: [1] })
  assert.ok(session.cookie._expires instanceof Date)
  const text = await sessions.findOne({ _id: 'document' })
  assert.equal(JSON.parse(text.session).n, 2)
})

test('parallel requests that turn a text into a document do not undo each other', async (t) => {
  const { uri, sessions } = await database(t)
  const stores = [0, 1, 2, 3].map(() => openStore(t, { uri }))
  const texts = openStore(t, { uri, stringify: true })
  for (let round = 0; round < 20; round++) {
    const sid = `sid ${round}`
    await texts.set(sid, newSession({ kept: true, gone: true }))
    const loaded = await Promise.all(stores.map((store) => load(store, sid)))
    loaded.forEach((session, index) => {
      session[`key ${index}`] = index
    })
    delete loaded[0].gone
    // One that had read a document before finds a text as well: an old process wrote it meanwhile.
    await Promise.all(stores.map((store, index) => store.set(sid, loaded[index])))
    const { session } = await sessions.findOne({ _id: sid })
    const { cookie, ...data } = session
    assert.ok(cookie._expires instanceof Date)
    assert.deepEqual(data, { kept: true, 'key 0': 0, 'key 1': 1, 'key 2': 2, 'key 3': 3 })
  }
})

test('a save finds the text that an old process has written in between', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const old = openStore(t, { uri, stringify: true })
  for (const key of ['plain', 'a.$key']) {
    await store.set('sid', newSession({ mine: 1 }))
    const session = await load(store, 'sid')
    await old.set('sid', newSession({ mine: 1, theirs: 1 }))
    session[key] = 2
    await store.set('sid', session)
    const { cookie, ...data } = (await sessions.findOne()).session
    assert.ok(cookie)
    assert.deepEqual(data, { mine: 1, theirs: 1, [key]: 2 })
    await store.destroy('sid')
  }
})

test('a destroyed session stays destroyed in every form', async (t) => {
  const { uri } = await database(t)
  for (const options of [
    { stringify: true },
    { serialize: (session) => ({ ...session }) },
    { cryptoAdapter: reversing },
  ]) {
    const store = openStore(t, { uri, ...options })
    await store.set('sid', newSession({ n: 1 }))
    const session = await load(store, 'sid')
    await store.destroy('sid')
    await store.set('sid', session)
    assert.equal(await store.get('sid'), null)
    assert.deepEqual(store.events, [{ name: 'discard', value: 'sid' }])
  }
})

onBothEngines(
  test,
  'serialize and unserialize decide what is stored',
  async (t, open, { sessions }) => {
    const store = open({
      serialize: ({ cookie, ...data }) => ({ c: cookie._expires ?? cookie.expires, d: data }),
      unserialize: ({ c, d }) => ({ cookie: { expires: c, originalMaxAge: 60_000 }, ...d }),
    })
    const session = newSession({ user: 'ada', when: new Date(5) })
    await store.set('sid', session)
    const read = await store.get('sid')
    assert.deepEqual(read, {
      cookie: { expires: session.cookie._expires, originalMaxAge: 60_000 },
      user: 'ada',
      when: new Date(5),
    })
    if (sessions) {
      const stored = await sessions.findOne()
      assert.deepEqual(stored.session, {
        c: session.cookie._expires,
        d: { user: 'ada', when: new Date(5) },
      })
    }
  },
)

test('serialize may answer a string, and unserialize gets it', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, {
    uri,
    serialize: (session) => `v1 ${JSON.stringify(session)}`,
    unserialize: (text) => JSON.parse(text.slice(3)),
  })
  await store.set('sid', newSession({ n: 1 }))
  assert.match((await sessions.findOne()).session, /^v1 \{/)
  assert.equal((await store.get('sid')).n, 1)
  assert.equal((await store.all())[0].n, 1)
})

test('a function of the application that fails fails the call and quotes nothing', async (t) => {
  const { uri } = await database(t)
  const secret = 'the password of somebody'
  const fails = () => {
    throw new Error(secret)
  }
  const unserialize = openStore(t, { uri, unserialize: fails })
  await unserialize.set('sid', newSession({ secret }))
  const unread = await failure(unserialize.get('sid'))
  assert.equal(unread.code, 'ERR_STORE_SERIALIZATION')
  assert.match(unread.message, /'unserialize'/)
  const decrypt = openStore(t, { uri, cryptoAdapter: { ...reversing, decrypt: fails } })
  await decrypt.set('other', newSession({ secret }))
  const undecrypted = await failure(decrypt.get('other'))
  assert.equal(undecrypted.code, 'ERR_STORE_DECRYPT')
  const encrypt = openStore(t, { uri, cryptoAdapter: { ...reversing, encrypt: fails } })
  const unencrypted = await failure(encrypt.set('third', newSession({ secret })))
  assert.match(unencrypted.message, /'cryptoAdapter.encrypt'/)
  assert.equal(await encrypt.get('third'), null)
  for (const error of [unread, undecrypted, unencrypted]) {
    assert.ok(!error.stack.includes(secret))
    assert.ok(error.cause.message.startsWith(secret), 'the application gets its own error')
  }
})

test('a serialize that fails fails the save and quotes nothing', async (t) => {
  const secret = 'the password of somebody'
  const fails = (session) => {
    throw new Error(`${secret} ${session.secret}`)
  }
  for (const options of [{}, { cryptoAdapter: reversing }]) {
    const store = openStore(t, { uri: 'memory:', serialize: fails, ...options })
    const error = await failure(store.set('sid', newSession({ secret })))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.match(error.message, /'serialize'/)
    assert.ok(!error.stack.includes(secret))
    assert.equal(error.cause.message, `${secret} ${secret}`)
    assert.equal(await store.get('sid'), null)
  }
})

/** What is no session, although most of them are objects; and what it is called. */
const NO_SESSION = [
  ['a promise', async () => newSession(), /a promise/],
  ['a promise that fails', () => Promise.reject(new Error('the password')), /a promise/],
  ['a thenable', () => ({ then: (done) => done(newSession()) }), /a promise/],
  ['an array', (session) => [session], /an array/],
  ['a Map', (session) => new Map(Object.entries(session)), /the type Map/],
  ['a Set', (session) => new Set([session]), /the type Set/],
  ['a Date', () => new Date(0), /the type Date/],
  ['a Buffer', () => Buffer.from('{}'), /the type Uint8Array/],
  ['a number', () => 5, /number/],
  ['null', () => null, /null/],
  ['nothing', () => undefined, /undefined/],
]

for (const [what, answering, named] of NO_SESSION) {
  test(`serialize must not answer ${what}`, async (t) => {
    for (const options of [{}, { cryptoAdapter: reversing }]) {
      const store = openStore(t, { uri: 'memory:', serialize: answering, ...options })
      const error = await failure(store.set('sid', newSession()))
      assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
      assert.match(error.message, /'serialize' must return an object or a string, got/)
      assert.match(error.message, named)
      assert.equal(await store.length(), 0)
    }
  })

  test(`unserialize must not answer ${what}, whatever is stored`, async (t) => {
    const { uri } = await database(t)
    const forms = [{}, { stringify: true }, { cryptoAdapter: reversing }]
    for (const [index, options] of forms.entries()) {
      const sid = `sid ${index}`
      await openStore(t, { uri, ...options }).set(sid, newSession())
      const { cryptoAdapter } = options
      const store = openStore(t, { uri, unserialize: answering, cryptoAdapter })
      const error = await failure(store.get(sid))
      assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
      assert.match(error.message, /'unserialize' must return an object, got/)
      assert.match(error.message, named)
    }
  })
}

onMongodb('serialize may answer objects of other classes', async (_t, { open, visit }) => {
  class Stored {
    constructor(session) {
      Object.assign(this, session)
    }
  }
  const ways = {
    Session: (session) => session,
    'an object literal': (session) => ({ ...session }),
    'an object without a prototype': (session) =>
      Object.assign(Object.create(null), { ...session }),
    'an instance of a class': (session) => new Stored(session),
  }
  for (const [what, serialize] of Object.entries(ways)) {
    const browser = await visit({ store: open({ serialize }) }, (app) => {
      app.get('/', (req, res) => {
        req.session.visits = (req.session.visits ?? 0) + 1
        res.end(String(req.session.visits))
      })
    })
    assert.equal((await browser.get('/')).text, '1', what)
    assert.equal((await browser.get('/')).text, '2', what)
  }
})

test('a session that says it is nothing, or no object, is refused in every form', async (t) => {
  for (const json of [undefined, 'text', 5, null, []]) await refusesJson(t, json)
})

async function refusesJson(t, json) {
  const session = Object.assign(newSession(), { toJSON: () => json })
  for (const options of [{}, { stringify: true }, { cryptoAdapter: reversing }]) {
    const store = openStore(t, { uri: 'memory:', ...options })
    const error = await failure(store.set('sid', session))
    assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
    assert.match(error.message, /a session must be an object/)
    assert.equal(await store.get('sid'), null)
  }
}

test('what the code of the application throws passes through unchanged', async (t) => {
  const error = new Error('a defect of the application')
  const fails = () => {
    throw error
  }
  const getter = Object.defineProperty(newSession(), 'broken', { enumerable: true, get: fails })
  const documents = openStore(t, { uri: 'memory:' })
  assert.equal(await failure(documents.set('sid', getter)), error)
  assert.equal(await failure(documents.set('sid', newSession({ user: { toJSON: fails } }))), error)
  for (const option of ['ttl', 'userId', 'transformId']) {
    const store = openStore(t, { uri: 'memory:', [option]: fails })
    assert.equal(await failure(store.set('sid', newSession())), error)
  }
})

test('what JSON has no text for is refused by name', async (t) => {
  const store = openStore(t, { uri: 'memory:', stringify: true })
  const secret = 'the password of somebody'
  const fails = () => {
    throw new Error(secret)
  }
  const getter = Object.defineProperty(newSession(), 'broken', { enumerable: true, get: fails })
  for (const session of [getter, newSession({ user: { toJSON: fails } })]) {
    const { code, message, cause } = await failure(store.set('sid', session))
    assert.equal(code, 'ERR_STORE_SERIALIZATION')
    assert.match(message, /has a getter or a toJSON that failed/)
    assert.ok(!`${message} ${cause}`.includes(secret))
  }
  const cycle = newSession()
  cycle.self = cycle
  const error = await failure(store.set('sid', cycle))
  assert.equal(error.code, 'ERR_STORE_SERIALIZATION')
  assert.match(error.message, /cycle/)
  assert.match((await failure(store.set('sid', newSession({ n: 1n })))).message, /JSON/)
  assert.equal(await store.get('sid'), null)
})

onMongodb('a visitor stays logged in while the form changes', async (_t, { open, visit }) => {
  const routes = (app) => {
    app.get('/login', (req, res) => {
      req.session.user = 'ada'
      res.end('in')
    })
    app.get('/', (req, res) => {
      req.session.visits = (req.session.visits ?? 0) + 1
      res.end(`${req.session.user} ${req.session.visits}`)
    })
  }
  const forms = [
    { stringify: true },
    {},
    { cryptoAdapter: reversing },
    { stringify: true, cryptoAdapter: { decrypt: reversing.decrypt } },
    { cryptoAdapter: { decrypt: reversing.decrypt } },
    {},
  ]
  const browsers = await Promise.all(forms.map((form) => visit({ store: open(form) }, routes)))
  await browsers[0].get('/login')
  for (const [index, browser] of browsers.entries()) {
    browser.cookies = new Map(browsers[0].cookies)
    assert.equal((await browser.get('/')).text, `ada ${index + 1}`)
  }
})

test('a text that was put in the place of an encrypted session is not encrypted', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, encryption: { keys: [Buffer.alloc(32, 1)] } })
  await store.set('sid', newSession({ user: 'ada' }))
  const session = await load(store, 'sid')
  const forged = JSON.stringify({ cookie: {}, user: 'ada', admin: true })
  await sessions.updateOne({}, { $set: { session: forged } })
  session.visits = 1
  assert.equal((await failure(store.set('sid', session))).code, 'ERR_STORE_DECRYPT')
  assert.equal((await sessions.findOne()).session, forged)
})
