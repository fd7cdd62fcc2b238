// Applications that others have published, run as they are: `seeds/` says what was changed and why.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProgram } from './program-support.mjs'
import { database, until } from './support.mjs'

const DAY = 24 * 60 * 60 * 1000

async function startSeed(t, name) {
  const { uri, sessions } = await database(t)
  const file = fileURLToPath(new URL(`seeds/${name}.cjs`, import.meta.url))
  const start = async () => {
    const program = await startProgram(t, file, { MONGODB_URI: uri })
    assert.equal(await program.served(), true, program.output())
    return program
  }
  return { start, sessions }
}

/** How many days a moment is away, to the nearest hour. */
const daysUntil = (moment) => Math.round((moment - Date.now()) / (DAY / 24)) / 24

test('the application about connect-mongo saves the user and ends the session', async (t) => {
  const { start, sessions } = await startSeed(t, 'connect-mongo-application')
  const { browser, output } = await start()
  await until(() => output().includes('App listening on port 4000'), 'what the program prints')
  // Looking for the port has left a session, as every visit does with `saveUninitialized`.
  await sessions.deleteMany({})

  const page = await browser.get('/')
  assert.equal(page.status, 200)
  assert.deepEqual(JSON.parse(page.text), { uuid: '12234-2345-2323423' })
  const [document, ...others] = await sessions.find().toArray()
  assert.deepEqual(others, [])
  assert.equal(document._id, browser.sid())
  // As connect-mongo stores it: the session as text, for the `ttl` of 14 days.
  assert.equal(typeof document.session, 'string')
  assert.deepEqual(JSON.parse(document.session).user, { uuid: '12234-2345-2323423' })
  assert.equal(daysUntil(document.expires), 14)
  const indexes = await until(async () => {
    const indexes = await sessions.indexes()
    return indexes.length > 1 && indexes
  }, 'the TTL index')
  assert.deepEqual(indexes.at(-1), {
    v: 2,
    key: { expires: 1 },
    name: 'expires_1',
    expireAfterSeconds: 0,
  })

  assert.equal((await browser.get('/')).text, page.text)
  assert.equal(await sessions.countDocuments(), 1, 'the same session')
  const end = await browser.get('/end')
  assert.equal(end.text, 'Session is destroyed')
  assert.equal(await sessions.countDocuments(), 0)

  // "If the session expires, a new session is to be initialized."
  const before = document._id
  await browser.get('/')
  assert.notEqual(browser.sid(), before)
  assert.equal(await sessions.countDocuments(), 1)
})

test('the example counts views for a year, over a restart', async (t) => {
  const { start, sessions } = await startSeed(t, 'express-session-example')
  const first = await start()
  await sessions.deleteMany({})

  for (const views of [1, 2, 3]) {
    const page = await first.browser.get('/')
    assert.equal(page.text, `${views} views`)
    assert.equal(daysUntil(page.cookie.expires), 365)
    assert.equal(page.cookie.path, '/')
    assert.equal(page.cookie.httponly, true)
    assert.match(decodeURIComponent(page.cookie.value), /^s:[\w-]{32}\.[\w+/]{43}$/)
  }
  const [document, ...others] = await sessions.find().toArray()
  assert.deepEqual(others, [])
  assert.equal(document._id, first.browser.sid())
  assert.equal(document.session.views, 3)
  assert.equal(daysUntil(document.expires), 365)
  await first.stop()

  const second = await start()
  second.browser.keep(first.browser.cookies.get('connect.sid'))
  assert.equal((await second.browser.get('/')).text, '4 views')
  assert.equal(second.browser.sid(), document._id)
})
