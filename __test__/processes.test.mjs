// One browser, and an app that runs in two processes on one database.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Browser } from './express-support.mjs'
import { meetingPoint, startApp } from './parallel-support.mjs'
import { database, isLong, until } from './support.mjs'

/** One is enough for a store that loses changes, see below. */
const ROUNDS = isLong ? 200 : 30

/** A test with a browser that has begun a session, and two apps that it can turn to. */
function onTwoProcesses(title, data, body, options) {
  test(title, async (t) => {
    const { uri, sessions } = await database(t)
    const apps = await Promise.all([
      startApp(t, { uri, ...options }),
      startApp(t, { uri, ...options }),
    ])
    const browser = new Browser(apps[0].origin)
    const change = async (app, change) => {
      const query = encodeURIComponent(JSON.stringify(change))
      const { status, text } = await turn(browser, app).post(`/change?${query}`)
      assert.equal(status, 200, text)
    }
    await change(apps[0], { set: data })
    const stored = async () => {
      const document = await sessions.findOne({ _id: browser.sid() })
      if (document === null) return null
      const { cookie: _cookie, ...data } = document.session
      return data
    }
    await body({ t, apps, browser, change, stored, sessions })
  })
}

/** The browser with its cookies in front of another process. */
function turn(browser, { origin }) {
  const turned = browser.clone()
  turned.origin = origin
  turned.cookies = browser.cookies
  return turned
}

onTwoProcesses(
  `two processes change different keys, ${ROUNDS} times`,
  { a: 0, b: 0 },
  async (world) => {
    const { t, apps, change, stored } = world
    const point = await meetingPoint(t, 2)
    for (let round = 1; round <= ROUNDS; round++) {
      await Promise.all([
        change(apps[0], { meet: [point], set: { a: round } }),
        change(apps[1], { meet: [point], set: { b: round } }),
      ])
      assert.deepEqual(await stored(), { a: round, b: round })
    }
  },
)

onTwoProcesses(
  'with save: replace one of two processes loses its change',
  { a: 0, b: 0 },
  async ({ t, apps, change, stored }) => {
    const point = await meetingPoint(t, 2)
    await Promise.all([
      change(apps[0], { meet: [point], set: { a: 1 } }),
      change(apps[1], { meet: [point], set: { b: 1 } }),
    ])
    const { a, b } = await stored()
    assert.equal(a + b, 1)
  },
  { save: 'replace' },
)

onTwoProcesses('two processes add, change and remove keys', { $c: 1, a: 1 }, async (world) => {
  const { t, apps, change, stored } = world
  const point = await meetingPoint(t, 4)
  await Promise.all([
    change(apps[0], { meet: [point], set: { 'x.y': 1 } }),
    change(apps[1], { meet: [point], unset: ['$c'] }),
    change(apps[0], { meet: [point], set: { a: 2 } }),
    change(apps[1], { meet: [point], set: { b: [1] } }),
  ])
  assert.deepEqual(await stored(), { a: 2, b: [1], 'x.y': 1 })
})

/** How a session can end by another process while a request holds it. */
const ENDS = {
  'another process destroys it': ({ browser, apps }) => turn(browser, apps[1]).post('/logout'),
  'another process regenerates it': ({ browser, apps }) => {
    const other = turn(browser, apps[1])
    other.cookies = new Map(browser.cookies)
    return other.post('/regenerate')
  },
  'another process clears its store': ({ apps }) => new Browser(apps[1].origin).post('/clear'),
  'the official driver deletes it': ({ sessions }) => sessions.deleteMany(),
}

for (const [how, end] of Object.entries(ENDS)) {
  onTwoProcesses(`a late save creates nothing after ${how}`, { user: 'ada' }, async (world) => {
    const { t, apps, browser, change, stored } = world
    const sid = browser.sid()
    const point = await meetingPoint(t, 2)
    const slow = change(apps[0], { meet: [point, point], set: { late: true } })
    // Now the slow request has loaded the session.
    await fetch(point)
    await end(world)
    await fetch(point)
    await slow
    assert.equal(await stored(), null)
    await until(() => apps[0].discarded.length > 0, 'the discard')
    assert.deepEqual(apps[0].discarded, [sid])
    assert.deepEqual(apps[1].discarded, [])
  })
}
