// better-auth, whose sessions and counters are texts in the store.
import assert from 'node:assert/strict'
import test from 'node:test'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { magicLink } from 'better-auth/plugins/magic-link'
import { secondaryStorage } from '../../lib/adapters/better-auth.cjs'
import { Browser, serve } from '../express-support.mjs'
import { barrier } from '../parallel-support.mjs'
import { database, onBothEngines, openStore } from '../support.mjs'

const LIFETIME_S = 3600

/** Serves an application, and answers a browser of which `post(path, body)` and `get(path)` speak JSON. */
async function visit(t, storage, options) {
  const late = {}
  const browser = new Browser(await serve(t, (req, res) => late.handle(req, res)))
  const links = []
  const auth = betterAuth({
    baseURL: browser.origin,
    secret: 'some secret of thirty-two letters or more',
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    secondaryStorage: storage,
    emailAndPassword: { enabled: true },
    session: { expiresIn: LIFETIME_S, updateAge: 0 },
    plugins: [magicLink({ sendMagicLink: ({ token }) => void links.push(token) })],
    logger: { disabled: true },
    telemetry: { enabled: false },
    ...options,
  })
  late.handle = toNodeHandler(auth)
  return { ...clientOf(browser), links }
}

function clientOf(browser) {
  const read = ({ status, text }) => ({ status, body: text === '' ? null : JSON.parse(text) })
  const headers = { 'content-type': 'application/json', origin: browser.origin }
  return {
    browser,
    clone: () => clientOf(browser.clone()),
    get: async (path) => read(await browser.get(`/api/auth${path}`)),
    post: async (path, body) =>
      read(await browser.post(`/api/auth${path}`, headers, JSON.stringify(body))),
  }
}

const ADA = { email: 'ada@example.com', password: 'a long password', name: 'Ada' }

onBothEngines(
  test,
  'a session lives from log-in to log-out, for as long as better-auth says',
  async (t, open, { sessions }) => {
    const store = open()
    const client = await visit(t, secondaryStorage(store))
    const before = Date.now()
    assert.equal((await client.post('/sign-up/email', ADA)).status, 200)
    const { body } = await client.get('/get-session')
    assert.equal(body.user.email, ADA.email)
    const entry = (await store.entries()).find(({ sid }) => sid === body.session.token)
    // better-auth gives whole seconds.
    assert.ok(entry.expires.getTime() >= before + (LIFETIME_S - 1) * 1000)
    assert.ok(entry.expires.getTime() <= Date.now() + LIFETIME_S * 1000)
    const other = client.clone()
    assert.equal((await client.post('/sign-out', {})).status, 200)
    assert.equal((await other.get('/get-session')).body, null)
    assert.deepEqual(store.events, [])
    if (!sessions) return
    await client.post('/sign-in/email', ADA)
    await sessions.updateMany({}, { $set: { expires: new Date(0) } })
    assert.equal((await client.get('/get-session')).body, null)
  },
)

onBothEngines(
  test,
  'a log-out holds against a request that renews the session meanwhile',
  async (t, open) => {
    const store = open()
    const held = hold(secondaryStorage(store), 'set')
    const client = await visit(t, held.storage)
    await client.post('/sign-up/email', ADA)
    const { token } = (await client.get('/get-session')).body.session
    const [late, other] = [client.clone(), client.clone()]
    held.key = token
    const renewal = late.get('/get-session')
    await held.reached
    held.key = undefined
    await client.post('/sign-out', {})
    held.release()
    await renewal
    assert.equal((await other.get('/get-session')).body, null)
    assert.equal(await store.get(token), null)
    assert.deepEqual(store.events, [{ name: 'discard', value: token }])
    // Whoever logs in again has another token, and the list of the user is kept anew.
    await client.post('/sign-in/email', ADA)
    assert.equal((await client.get('/list-sessions')).body.length, 1)
  },
)

onBothEngines(test, 'two requests for different users do not undo each other', async (t, open) => {
  const client = await visit(t, secondaryStorage(open()))
  const names = ['ada', 'eve', 'bob']
  const clients = names.map(() => clientOf(new Browser(client.browser.origin)))
  await Promise.all(
    names.map((name, at) =>
      clients[at].post('/sign-up/email', { ...ADA, name, email: `${name}@example.com` }),
    ),
  )
  for (const [at, name] of names.entries()) {
    assert.equal((await clients[at].get('/get-session')).body.user.name, name)
  }
})

test('two log-ins of one user at once: both hold, and the list of the user has lost one', async (t) => {
  const { uri } = await database(t)
  const storage = secondaryStorage(openStore(t, { uri }))
  const meet = barrier(2)
  let meets = false
  const meeting = {
    ...storage,
    async get(key) {
      const text = await storage.get(key)
      // better-auth reads the list of a user, adds to it and stores it: as one text.
      if (meets && key.startsWith('active-sessions-')) await meet()
      return text
    },
  }
  // A renewal would put it into the list again.
  const session = { expiresIn: LIFETIME_S, updateAge: LIFETIME_S }
  const client = await visit(t, meeting, { session })
  await client.post('/sign-up/email', ADA)
  await client.post('/sign-out', {})
  const clients = [client.clone(), client.clone()]
  meets = true
  await Promise.all(clients.map((each) => each.post('/sign-in/email', ADA)))
  meets = false
  for (const each of clients) {
    assert.equal((await each.get('/get-session')).body.user.name, ADA.name)
  }
  assert.equal((await clients[0].get('/list-sessions')).body.length, 1)
  // Those that are not in the list end with the others all the same.
  await clients[0].post('/revoke-sessions', {})
  for (const each of clients) assert.equal((await each.get('/get-session')).body, null)
})

onBothEngines(
  test,
  'a link of one use logs in once, of two that use it at once',
  async (t, open) => {
    const client = await visit(t, secondaryStorage(open()))
    await client.post('/sign-in/magic-link', { email: ADA.email })
    const [token] = client.links
    const browsers = [1, 2, 3].map(() => new Browser(client.browser.origin))
    const path = `/api/auth/magic-link/verify?token=${token}`
    await Promise.all(browsers.map((browser) => browser.get(path)))
    const found = await Promise.all(
      browsers.map(async (browser) => (await clientOf(browser).get('/get-session')).body),
    )
    assert.equal(found.filter((session) => session !== null).length, 1)
  },
)

onBothEngines(
  test,
  'of many requests at once no more are let through than the limit says',
  async (t, open) => {
    const rateLimit = { enabled: true, window: 60, max: 5 }
    const client = await visit(t, secondaryStorage(open()), { rateLimit })
    const all = await Promise.all(Array.from({ length: 12 }, () => client.get('/get-session')))
    const statuses = all.map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 200).length, 5)
    assert.equal(statuses.filter((status) => status === 429).length, 7)
  },
)

test('a failure of the store is a failure of the request', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri })
  const client = await visit(t, secondaryStorage(store))
  await client.post('/sign-up/email', ADA)
  await store.close()
  assert.equal((await client.browser.get('/api/auth/get-session')).status, 500)
})

/** A storage of which a method stands still for a key until it is released. */
function hold(storage, method) {
  const held = { key: undefined }
  const reached = deferred()
  const released = deferred()
  Object.assign(held, { reached: reached.promise, release: released.resolve })
  held.storage = {
    ...storage,
    async [method](key, ...rest) {
      if (key === held.key) {
        reached.resolve()
        await released.promise
      }
      return storage[method](key, ...rest)
    },
  }
  return held
}

function deferred() {
  let resolve
  const promise = new Promise((keep) => (resolve = keep))
  return { promise, resolve }
}
