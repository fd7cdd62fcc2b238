// Every program of examples/ as it stands, against a real MongoDB.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { io } from 'socket.io-client'
import typescript from 'typescript5'
import { WebSocket } from 'ws'
import { Browser } from './express-support.mjs'
import { ownMongod } from './outage-support.mjs'
import { startProgram } from './program-support.mjs'
import { database, until } from './support.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'examples')

/** Starts a program of examples/ on a database of the test's own, and waits until it listens. */
async function start(t, name, env = {}) {
  const { uri, sessions } = await database(t)
  const file = name.endsWith('.mjs') ? join(folder, name) : await compiled(t, name)
  const program = await startProgram(t, file, { MONGODB_URI: uri, ...env })
  assert.equal(await program.served(), true, program.output())
  const again = (more = env) => startProgram(t, file, { MONGODB_URI: uri, ...more })
  return { ...program, sessions, again }
}

/** A TypeScript program as JavaScript, inside of the package, whose name it imports. */
async function compiled(t, name) {
  await mkdir(join(root, 'target'), { recursive: true })
  const place = await mkdtemp(join(root, 'target', 'example-'))
  t.after(() => rm(place, { recursive: true }))
  const { outputText } = typescript.transpileModule(await readFile(join(folder, name), 'utf8'), {
    compilerOptions: { module: 'esnext', target: 'es2022', experimentalDecorators: true },
  })
  const file = join(place, `${name}.mjs`)
  await writeFile(file, outputText)
  return file
}

async function ends(program) {
  assert.deepEqual(await program.stop(), [0, null], program.output())
}

/** The body of a page, as JSON. */
async function json(promise) {
  const { text } = await promise
  return JSON.parse(text)
}

const JSON_TYPE = { 'content-type': 'application/json' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }

test('every program of examples/ is in its README and in a test', async () => {
  const page = await readFile(join(folder, 'README.md'), 'utf8')
  const tests = await readFile(join(root, '__test__', 'examples.test.mjs'), 'utf8')
  const programs = (await readdir(folder)).filter((name) => /\.m?[jt]s$/.test(name))
  assert.ok(programs.length >= 11)
  for (const name of programs) {
    assert.ok(page.includes(`[${name}](${name})`), name)
    assert.ok(tests.includes(`'${name}'`), name)
  }
})

test('express-login: a log-out everywhere ends the other browsers and keeps this one', async (t) => {
  const program = await start(t, 'express-login.mjs')
  const browsers = [program.browser, new Browser(program.browser.origin)]
  assert.equal((await browsers[0].get('/')).status, 401)
  for (const browser of browsers) {
    await browser.post('/login', JSON_TYPE, JSON.stringify({ name: 'ada' }))
    assert.deepEqual(await json(browser.get('/')), { user: 'ada' })
  }
  assert.deepEqual(await json(browsers[0].post('/logout-everywhere')), { ended: 1 })
  assert.equal((await browsers[1].get('/')).status, 401)
  assert.equal((await browsers[0].get('/')).status, 200)
  await browsers[0].post('/logout')
  assert.equal(await program.sessions.countDocuments(), 0)
  await ends(program)
})

test('devices: a user sees where they are logged in, and ends one of them, or all others', async (t) => {
  const program = await start(t, 'devices.mjs')
  const here = program.browser
  const others = ['phone', 'tablet', 'laptop'].map((name) => [name, here.clone()])
  const log = (browser, user, agent) =>
    browser.post('/login', { ...JSON_TYPE, 'user-agent': agent }, JSON.stringify({ name: user }))
  assert.equal((await here.get('/devices')).status, 401)
  await log(here, 'ada', 'desk')
  for (const [name, browser] of others) await log(browser, 'ada', name)
  const bob = here.clone()
  bob.cookies.clear()
  await log(bob, 'bob', 'bobs')

  const devices = await json(here.get('/devices'))
  const told = devices.map(({ device, current }) => `${device.browser} ${current}`)
  assert.deepEqual(told.sort(), ['desk true', 'laptop false', 'phone false', 'tablet false'])
  const { handle } = devices.find(({ device }) => device.browser === 'phone')
  assert.equal((await bob.request('DELETE', `/devices/${handle}`)).status, 404)
  assert.deepEqual(await json(here.request('DELETE', `/devices/${handle}`)), { ended: 1 })
  assert.deepEqual(await json(here.post('/logout-others')), { ended: 2 })
  for (const [, browser] of others) assert.equal((await browser.get('/devices')).status, 401)
  for (const browser of [here, bob]) assert.equal((await json(browser.get('/devices'))).length, 1)
  await ends(program)
})

test('renewal: a new id loses nothing, and an old one that is used later is noticed', async (t) => {
  const program = await start(t, 'renewal.mjs', { RENEW_AFTER_MS: '1' })
  const { browser } = program
  await browser.post('/login/ada')
  const old = browser.clone()
  await until(async () => {
    await browser.get('/cart')
    return browser.sid() !== old.sid()
  }, 'a new id')
  const slow = old.clone()
  await old.post('/cart/book')
  assert.deepEqual(await json(browser.get('/cart')), ['book'])
  assert.equal(program.output(), '')
  await browser.post('/logout')
  assert.equal((await slow.get('/cart')).status, 401)
  await ends(program)

  const strict = await program.again({ RENEW_AFTER_MS: '1', GRACE_MS: '0' })
  assert.equal(await strict.served(), true, strict.output())
  await strict.browser.post('/login/ada')
  const stolen = strict.browser.clone()
  await until(async () => {
    assert.equal((await strict.browser.get('/cart')).status, 200)
    return strict.browser.sid() !== stolen.sid()
  }, 'a new id')
  assert.equal((await stolen.get('/cart')).status, 401)
  await until(() => strict.output() !== '', 'the word')
  assert.equal(strict.output(), 'an old session id was used\n')
  await ends(strict)
})

for (const name of ['typescript.mts', 'fastify.mjs']) {
  test(`${name}: a session is known at the next request`, async (t) => {
    const program = await start(t, name)
    await program.browser.get('/')
    assert.deepEqual(await json(program.browser.get('/')), { views: 2 })
    await ends(program)
  })
}

test('nestjs: the guard lets in who has logged in', async (t) => {
  const program = await start(t, 'nestjs.ts')
  assert.equal((await program.browser.get('/')).status, 401)
  await program.browser.post('/login/ada')
  assert.deepEqual(await json(program.browser.get('/')), { user: 'ada' })
  program.signal('SIGTERM')
  await until(() => program.hasEnded(), 'the program to end')
})

test('passport: the store knows whose session it is', async (t) => {
  const program = await start(t, 'passport.mjs')
  const wrong = await program.browser.post('/login', FORM_TYPE, 'username=ada&password=byron')
  assert.equal(wrong.status, 401)
  await program.browser.post('/login', FORM_TYPE, 'username=ada&password=lovelace')
  assert.deepEqual(await json(program.browser.get('/')), { user: 'ada' })
  assert.equal((await program.sessions.findOne()).userId, 'u1')
  await program.browser.post('/logout')
  assert.equal((await program.browser.get('/')).status, 401)
  await ends(program)
})

test('socket-io: a socket knows its session, and ends with it, also by another process', async (t) => {
  const { uri } = await ownMongod(t, { replicaSet: 1 })
  const program = await start(t, 'socket-io.mjs', { MONGODB_URI: uri })
  const other = await program.again()
  const { origin } = program.browser
  const connect = (extraHeaders) => {
    const socket = io(origin, { extraHeaders, reconnection: false, forceNew: true })
    t.after(() => socket.disconnect())
    return socket
  }
  const [refusal] = await once(connect({}), 'connect_error')
  assert.equal(refusal.message, 'log in first')

  assert.equal(await other.served(), true, other.output())
  for (const { browser } of [program, other]) {
    await program.browser.post('/login/ada')
    const socket = connect(program.browser.cookieHeader())
    await once(socket, 'connect')
    assert.equal(await socket.emitWithAck('whoami'), 'ada')

    const disconnected = once(socket, 'disconnect')
    browser.cookies = program.browser.cookies
    const since = performance.now()
    await browser.post('/logout')
    await disconnected
    t.diagnostic(`${Math.round(performance.now() - since)} ms after the log-out`)
  }
  await ends(other)
  await ends(program)
})

test('ws: a log-out in another process closes the sockets of the session', async (t) => {
  const { uri } = await ownMongod(t, { replicaSet: 1 })
  const program = await start(t, 'ws.mjs', { MONGODB_URI: uri })
  const other = await program.again()
  assert.equal(await other.served(), true, other.output())
  const connect = (headers) => {
    const socket = new WebSocket(program.browser.origin.replace('http', 'ws'), { headers })
    t.after(() => socket.terminate())
    return socket
  }
  const [refusal] = await once(connect({}), 'error')
  assert.match(refusal.message, /401/)

  const ada = program.browser
  const bob = ada.clone()
  await ada.post('/login/ada')
  await bob.post('/login/bob')
  const [first, second, bobs] = [ada, ada, bob].map((each) => connect(each.cookieHeader()))
  const greetings = await Promise.all([first, second, bobs].map((each) => once(each, 'message')))
  const texts = greetings.map(([message]) => String(message))
  assert.deepEqual(texts, ['hello ada', 'hello ada', 'hello bob'])
  other.browser.cookies = ada.cookies
  const closed = [first, second].map((socket) => once(socket, 'close'))
  const since = performance.now()
  await other.browser.post('/logout')
  for (const [code] of await Promise.all(closed)) assert.equal(code, 4001)
  t.diagnostic(`${Math.round(performance.now() - since)} ms after the log-out`)
  assert.equal(bobs.readyState, WebSocket.OPEN)
  const left = once(bobs, 'close')
  await ends(other)
  await ends(program)
  assert.equal((await left)[0], 1001)
})

test('tenants: each tenant has sessions of its own', async (t) => {
  const program = await start(t, 'tenants.mjs')
  await program.browser.get('/shop')
  assert.deepEqual(await json(program.browser.get('/shop')), { views: 2, sessions: 1 })
  assert.deepEqual(await json(program.browser.get('/office')), { views: 1, sessions: 1 })
  assert.equal((await program.browser.get('/elsewhere')).status, 404)
  const ids = await program.sessions.distinct('_id')
  assert.deepEqual(ids.map((id) => id.split(':')[0]).sort(), ['office', 'shop'])
  await ends(program)
})

test('cluster: it does not matter which process answers', async (t) => {
  const program = await start(t, 'cluster.mjs')
  const workers = new Set()
  let views = 0
  // Each request has a connection of its own, which goes to the next worker.
  await until(async () => {
    const page = await json(program.browser.get('/', { connection: 'close' }))
    views++
    assert.equal(page.views, views)
    workers.add(page.worker)
    return workers.size === 2
  }, 'an answer of both workers')
  await ends(program)
})

test('key-rotation: a new first key reads what the old one has written', async (t) => {
  const [old, young] = [0, 1].map(() => randomBytes(32).toString('base64'))
  const before = await start(t, 'key-rotation.mjs', { SESSION_KEYS: old })
  await before.browser.get('/')
  await ends(before)
  const after = await before.again({ SESSION_KEYS: `${young},${old}` })
  assert.equal(await after.served(), true, after.output())
  for (const [name, cookie] of before.browser.cookies) after.browser.cookies.set(name, cookie)
  assert.deepEqual(await json(after.browser.get('/')), { views: 2 })
  const { session } = await before.sessions.findOne()
  assert.equal(session.views.sub_type, 0xee)
  await ends(after)
})

test('graceful-shutdown: a request under way at SIGTERM still saves its session', async (t) => {
  const program = await start(t, 'graceful-shutdown.mjs')
  await program.browser.get('/')
  const slow = json(program.browser.get('/slow'))
  // One that was sent later has been answered, so the slow one is under way.
  await program.browser.get('/')
  const ended = program.stop()
  assert.deepEqual(await slow, { slow: true })
  assert.deepEqual(await ended, [0, null])
  assert.match(program.output(), /closed/)
  const { session } = await program.sessions.findOne()
  assert.equal(session.slow, true)
})

test('health-check: without a database it lives, is not ready, and shows its pages', async (t) => {
  const program = await start(t, 'health-check.mjs')
  assert.equal((await program.browser.get('/readyz')).status, 200)
  assert.deepEqual(await json(program.browser.get('/')), { views: 1 })
  await ends(program)

  // Nothing listens on this port.
  const alone = await program.again({ MONGODB_URI: 'mongodb://127.0.0.1:1/none' })
  assert.equal(await alone.served(), true, alone.output())
  await until(() => alone.output().includes('sessions are down'), 'the outage')
  assert.equal((await alone.browser.get('/livez')).status, 200)
  const { status, text } = await alone.browser.get('/readyz')
  assert.deepEqual([status, text.startsWith('ERR_STORE_')], [503, true])
  assert.deepEqual(await json(alone.browser.get('/')), { views: 'not counted now' })
})

// Jest's and Vitest's are run by `npm run test:testers`, which has the tools.
test('testing/: the tests of an application need no server (node:test)', async () => {
  const file = join(folder, 'testing', 'node.test.mjs')
  // Without the variables by which a test runner tells its files that they are part of its run.
  const { NODE_TEST_CONTEXT: _outer, ...env } = process.env
  const args = ['--test', '--test-reporter=tap', file]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  assert.match(stdout, /# pass 1/)
})
