'use strict'
// Runs in a process of its own: uses a store while a test library fakes the timers, the queues and the Date.
// Arguments: the library, whether it fakes `before` the store is loaded or `after`, and the store's URI.

const ESCAPE = setTimeout // Of a test that hangs.
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Each library as it is used by default: what fakes the time, from a moment on, until `end` is called. */
const LIBRARIES = {
  sinon(now) {
    const clock = require('sinon').useFakeTimers({ now })
    return { set: (moment) => clock.setSystemTime(moment), end: () => clock.restore() }
  },
  jest(now) {
    const { ModernFakeTimers } = require('@jest/fake-timers')
    const config = { fakeTimers: {}, rootDir: __dirname }
    const timers = new ModernFakeTimers({ global: globalThis, config })
    timers.useFakeTimers({ now })
    return {
      set: (moment) => timers.setSystemTime(moment),
      end: () => timers.useRealTimers(),
    }
  },
  // It bundles the package of sinon, and leaves two queues alone.
  vitest(now) {
    const toNotFake = ['nextTick', 'queueMicrotask']
    const clock = require('@sinonjs/fake-timers').install({ now, toNotFake })
    return { set: (moment) => clock.setSystemTime(moment), end: () => clock.uninstall() }
  },
  'node:test'(now) {
    const { mock } = require('node:test')
    mock.timers.enable({ now })
    return { set: (moment) => mock.timers.setTime(moment), end: () => mock.timers.reset() }
  },
}

async function main([library, order, uri]) {
  ESCAPE(() => process.exit(3), 30_000).unref()
  const now = Date.now()
  const cookie = () => ({ originalMaxAge: MINUTE, expires: new Date(Date.now() + MINUTE) })
  let time
  if (order === 'before') time = LIBRARIES[library](now)
  const { MongoSessionStore } = require('..')
  const store = new MongoSessionStore({ uri, touchAfter: 1, operationTimeout: 20_000 })
  time ??= LIBRARIES[library](now)
  const seen = {}
  const alive = async (sid) => (await store.get(sid)) !== null

  await Promise.all(['a', 'b', 'c'].map((sid) => store.set(sid, { cookie: cookie() })))
  seen.together = (await Promise.all(['a', 'b', 'c'].map(alive))).every(Boolean)
  seen.callbacks = await new Promise((resolve) => {
    store.get('a', (error, one) => store.get('b', (error, other) => resolve(!!one && !!other)))
    store.length(() => {})
  })
  seen.events = await new Promise((resolve) => {
    store.once('touch', (sid) => resolve(sid === 'a'))
    store.touch('a', { cookie: cookie() })
  })

  time.set(now + DAY)
  seen.ahead = !(await alive('a')) && (await store.length()) === 0
  await store.set('tomorrow', { cookie: cookie() })
  seen.tomorrow = await alive('tomorrow')
  time.set(now + DAY + MINUTE - 1)
  seen.almost = await alive('tomorrow')
  time.set(now + DAY + MINUTE)
  seen.over = !(await alive('tomorrow'))

  // node:test goes forward only.
  time.end()
  time = LIBRARIES[library](Date.UTC(2020, 1, 2))
  await store.set('old', { cookie: cookie() })
  seen.past = (await alive('old')) && (await store.ids()).includes('old')
  time.end()
  seen.present = !(await alive('old'))

  // What begins while the time is faked ends when it is not, and the other way round.
  time = LIBRARIES[library](now)
  const pending = Promise.all([store.get('a'), store.get('b'), store.get('c')])
  time.end()
  await pending
  time = LIBRARIES[library](now)
  await Promise.all([store.clear(), store.close()])
  time.end()
  return seen
}

main(process.argv.slice(2)).then((seen) => console.log(JSON.stringify(seen)))
