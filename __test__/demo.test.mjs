// The demo's page, as a program sees it: what its forms do, and what open pages are told.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { Browser } from './express-support.mjs'
import { startProgram } from './program-support.mjs'
import { succeeds, until } from './support.mjs'

const WEB = fileURLToPath(new URL('../demo/web.mjs', import.meta.url))
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' }
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

/** As `npm start` starts it: a replica set, which tells of sessions that end when they do. */
let mongod
/** What the tests share, each with people of its own. */
let visit
let sessions
const endings = []
before(async () => {
  mongod = await startMongod({ replicaSet: 1 })
  const client = await MongoClient.connect(mongod.uri)
  sessions = client.db().collection('shop_sessions')
  endings.push(() => client.close())
  const later = { after: (end) => endings.push(end) }
  ;({ visit } = await startDemo(later, { DEMO_MONGOD_PID: String(mongod.pid) }))
})
after(async () => {
  for (const end of endings.reverse()) await end()
  await mongod.stop()
})

test('two browsers of one person see each other, and one logs the other one out', async (t) => {
  const [first, second] = [visit(), visit()]
  await logIn(first, 'Ada')
  await logIn(second, 'Ada', { 'User-Agent': FIREFOX })
  const before = await page(first)
  assert.equal(count(before, '<li>\\s*<div>'), 2)
  assert.match(before, /Firefox on Linux/)

  const told = await listen(t, second)
  const [, handle] = /name="handle" value="([\w-]+)"/.exec(before)
  await first.post('/devices/revoke', FORM, `handle=${handle}`)
  await until(() => told.has('ended'), 'the other browser to be told')
  assert.match(await page(second), /Choose who you are/)
  assert.match(await page(first), /You are Ada/)
  assert.equal(await sessions.countDocuments({ userId: 'Ada' }), 1)
})

test('all others are logged out at once, and nobody else is', async (t) => {
  const [own, other, third, stranger] = [visit(), visit(), visit(), visit()]
  for (const browser of [own, other, third]) await logIn(browser, 'Grace')
  await logIn(stranger, 'Margaret')
  const told = await listen(t, third)
  const untold = await listen(t, stranger)
  await own.post('/devices/revoke-others', FORM, '')
  await until(() => told.has('ended'), 'the third browser to be told')
  assert.match(await page(own), /You are Grace/)
  assert.match(await page(other), /Choose who you are/)
  assert.match(await page(stranger), /You are Margaret/)
  assert.equal(untold.has('ended'), false)
})

test('of two requests at once this store keeps both changes, and connect-mongo one', async () => {
  const kept = async (path) => {
    const browser = visit()
    await browser.post(`${path}/empty`)
    await Promise.all([browser.post(`${path}/tea`), browser.post(`${path}/biscuits`)])
    const contents = JSON.parse((await browser.get(path)).text)
    return contents.tea + contents.biscuits
  }
  assert.equal(await kept('/cart'), 2)
  // On a busy machine one request may be over before the other one begins.
  await until(async () => (await kept('/connect-mongo/cart')) === 1, 'a change that is lost')
})

test('encryption is switched on and off for sessions that are there, and nobody is logged out', async () => {
  const browser = visit()
  await logIn(browser, 'Katherine')
  const stored = async () => (await sessions.findOne({ userId: 'Katherine' })).session.person
  assert.equal(await stored(), 'Katherine')
  await browser.post('/encryption', FORM, '')
  assert.equal((await stored())._bsontype, 'Binary')
  const encrypted = await page(browser)
  assert.match(encrypted, /You are Katherine/)
  assert.match(encrypted, /&quot;subType&quot;: &quot;ee&quot;/)
  await browser.post('/encryption', FORM, '')
  assert.equal(await stored(), 'Katherine')
  assert.match(await page(browser), /You are Katherine/)
})

test('no session id is in the page, and nothing of it runs that is not a file of the demo', async () => {
  const browser = visit()
  await logIn(browser, 'Ada')
  const response = await fetch(`${browser.origin}/`, {
    headers: { ...browser.cookieHeader(), Accept: 'text/html' },
  })
  const text = await response.text()
  assert.ok(!text.includes(browser.sid('shop.sid')))
  const policy = response.headers.get('content-security-policy')
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.doesNotMatch(text, /<script(?! type="module" src="\/static\/)|<style| style=| on\w+=/)
})

test('a form that another page sends is refused', async () => {
  const from = { ...FORM, 'Sec-Fetch-Site': 'same-site' }
  assert.equal((await visit().post('/load', from, '')).status, 403)
})

test('load is told by the figures, and leaves nothing behind', async (t) => {
  const browser = visit()
  const told = await listen(t, browser)
  assert.equal((await browser.post('/load', { Accept: 'text/plain' })).status, 202)
  await until(() => {
    const { get } = told.last('figures')?.calls ?? {}
    return get?.succeeded > 256
  }, 'reads in the figures')
  const isCleanedUp = async () => (await sessions.countDocuments({ _id: /^load-/ })) === 0
  await until(isCleanedUp, 'the load to clean up')
  await until(() => told.last('figures').calls.destroy.succeeded >= 256, 'removals in the figures')
})

test('a demo on a database of others cannot freeze it and says so; it ends though a page listens', async (t) => {
  const other = await startDemo(t)
  const browser = other.visit()
  const text = await page(browser)
  assert.match(text, /MongoDB that it has not started/)
  assert.doesNotMatch(text, /Freeze the database/)
  assert.equal((await browser.post('/freeze', FORM, '')).status, 409)
  await listen(t, browser)
  const [code, signal] = await other.demo.stop()
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, other.demo.output())
})

test('while its own database is frozen the demo says what happens, and goes on after it', async (t) => {
  const browser = visit()
  await logIn(browser, 'Ada')
  const told = await listen(t, browser)
  // Again, should this machine have been too slow to ask within the time.
  const outage = await until(async () => {
    assert.equal((await browser.post('/freeze', { Accept: 'text/plain' })).status, 202)
    const response = await browser.get('/', { Accept: 'text/html' })
    return response.status === 503 && response
  }, 'a page that cannot be shown')
  assert.match(outage.text, /The database does not answer/)
  await until(() => told.has('thawed'), 'the end of the outage')
  await until(async () => /You are Ada/.test(await page(browser)), 'the page')
  // They go on for so long that one is answered, unless this machine is too slow to find back to its server before.
  await until(async () => {
    const isAnswered = () => told.last('call').outcome === 'answered'
    if (await succeeds(until(isAnswered, 'an answer', 10_000))) return true
    await browser.post('/freeze', { Accept: 'text/plain' })
    return false
  }, 'a call that is answered')
})

/** The demo in a process of its own. */
async function startDemo(t, env) {
  const demo = await startProgram(t, WEB, { MONGODB_URI: mongod.uri, DEMO_MONGOD_PID: '', ...env })
  assert.equal(await demo.served(), true, demo.output())
  return { demo, visit: () => new Browser(demo.browser.origin) }
}

async function logIn(browser, person, headers) {
  const { status } = await browser.post('/login', { ...FORM, ...headers }, `person=${person}`)
  assert.equal(status, 303)
}

async function page(browser) {
  return (await browser.get('/', { Accept: 'text/html' })).text
}

function count(text, pattern) {
  return text.match(new RegExp(pattern, 'g'))?.length ?? 0
}

/** What an open page is told, by the names of the events. */
async function listen(t, browser) {
  const request = get(`${browser.origin}/live`, { headers: browser.cookieHeader() })
  t.after(() => request.destroy())
  const [response] = await once(request, 'response')
  assert.equal(response.headers['content-type'], 'text/event-stream')
  // It ends with the demo, or the test.
  response.on('error', () => {})
  const last = new Map()
  let text = ''
  response.setEncoding('utf8').on('data', (chunk) => {
    const events = (text + chunk).split('\n\n')
    text = events.pop()
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? []
      if (name) last.set(name, JSON.parse(data))
    }
  })
  return { has: (name) => last.has(name), last: (name) => last.get(name) }
}
