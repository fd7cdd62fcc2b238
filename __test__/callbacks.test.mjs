import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import test from 'node:test'
import { failure, newSession, onBothEngines, runProgram } from './support.mjs'

/** Every method with its arguments before the callback, and what it answers. */
const METHODS = {
  set: { args: () => ['sid', newSession({ n: 1 })] },
  get: { args: () => ['sid'], check: (session) => assert.equal(session.n, 1) },
  touch: { args: () => ['sid', newSession()] },
  all: { args: () => [], check: (sessions) => assert.equal(sessions.length, 1) },
  length: { args: () => [], check: (count) => assert.equal(count, 1) },
  destroy: { args: () => ['sid'] },
  clear: { args: () => [] },
  close: { args: () => [] },
}

onBothEngines(test, 'every method answers a callback and returns nothing', async (t, open) => {
  const store = open()
  for (const [method, { args, check }] of Object.entries(METHODS)) {
    let returned
    const answer = await new Promise((resolve) => {
      returned = store[method](...args(), (...answer) => resolve(answer))
    })
    assert.equal(returned, undefined, method)
    assert.ok(answer[0] == null, `${method}: ${answer[0]}`)
    if (check) check(answer[1])
    else assert.equal(answer[1], undefined, method)
  }
})

onBothEngines(test, 'every method returns a promise without a callback', async (t, open) => {
  const store = open()
  for (const [method, { args, check }] of Object.entries(METHODS)) {
    const promise = store[method](...args())
    assert.ok(promise instanceof Promise, method)
    const answer = await promise
    if (check) check(answer)
    else assert.equal(answer, undefined, method)
  }
})

onBothEngines(test, 'undefined and null count as no callback', async (t, open) => {
  const store = open()
  for (const callback of [undefined, null]) {
    await store.set('sid', newSession({ n: 1 }), callback)
    assert.equal((await store.get('sid', callback)).n, 1)
    assert.equal(await store.length(callback), 1)
    await store.destroy('sid', callback)
  }
})

onBothEngines(test, 'what get does not find is null for a callback, too', async (t, open) => {
  const store = open()
  const answer = await new Promise((resolve) => store.get('nobody', (...args) => resolve(args)))
  assert.deepEqual(answer, [null, null])
})

onBothEngines(test, 'a callback that is no function is a TypeError at once', async (t, open) => {
  const store = open()
  for (const [method, { args }] of Object.entries(METHODS)) {
    for (const callback of ['callback', 5, {}, true]) {
      // It is the lifetime of a session of Koa.
      if (callback === 5 && ['get', 'set'].includes(method)) continue
      assert.throws(() => store[method](...args(), callback), TypeError, method)
    }
  }
  assert.equal(await store.length(), 0)
})

onBothEngines(test, 'callbacks run once and never before the method returns', async (t, open) => {
  const store = open()
  const calls = []
  const expect = (name) => {
    let returned = false
    const done = (...answer) => calls.push({ name, returned, answer })
    return { done, returns: () => (returned = true) }
  }
  const callAll = () => {
    for (const [method, { args }] of Object.entries(METHODS)) {
      const { done, returns } = expect(method)
      store[method](...args(), done)
      returns()
    }
    const refused = expect('refused')
    store.get(5, refused.done)
    refused.returns()
  }
  callAll()
  await store.close()
  callAll() // Now each but close fails, at once.
  await store.close()
  await new Promise((resolve) => setImmediate(resolve))
  const names = [...Object.keys(METHODS), 'refused']
  assert.deepEqual(calls.map(({ name }) => name).sort(), [...names, ...names].sort())
  assert.ok(calls.every(({ returned }) => returned))
})

onBothEngines(test, 'callbacks run in the async context of their caller', async (t, open) => {
  const store = open()
  const context = new AsyncLocalStorage()
  const seen = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      context.run(n, async () => {
        const sid = `sid${n}`
        const after = (method, ...args) =>
          new Promise((resolve) => store[method](...args, () => resolve(context.getStore())))
        const inCallbacks = [
          after('set', sid, newSession()),
          after('get', sid),
          after('length'),
          after('get', 5),
        ]
        await store.get(sid)
        return [n, context.getStore(), ...(await Promise.all(inCallbacks))]
      }),
    ),
  )
  for (const [n, ...others] of seen) assert.ok(others.every((other) => other === n))
})

onBothEngines(test, 'errors reach callbacks and promises alike', async (t, open) => {
  const store = open()
  const cycle = newSession()
  cycle.self = cycle
  const [error] = await new Promise((resolve) => store.set('a', cycle, (...args) => resolve(args)))
  const same = await failure(store.set('a', cycle))
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'MongoSessionStoreError')
  assert.equal(error.code, same.code)
  assert.equal(error.message, same.message)
})

test('a callback that throws is an uncaught exception and no other is lost', async () => {
  const { code, stdout, stderr } = await runProgram(`
    const store = new MongoSessionStore({ uri: 'memory:' })
    const uncaught = []
    process.on('uncaughtException', (error) => uncaught.push(error.message))
    let thrower = 0
    let others = 0
    for (let n = 0; n < 100; n++) {
      store.get('sid' + n, () => {
        if (n % 10 === 0) {
          thrower++
          throw new Error('boom ' + n)
        }
        others++
      })
    }
    store.get(5, () => { throw new Error('refused') })
    await store.close()
    await new Promise((resolve) => setImmediate(resolve))
    console.log(JSON.stringify({ uncaught, thrower, others }))
  `)
  assert.equal(code, 0, stderr)
  const { uncaught, thrower, others } = JSON.parse(stdout)
  assert.deepEqual(uncaught.sort(), ['refused', ...tens('boom')].sort())
  assert.deepEqual({ thrower, others }, { thrower: 10, others: 90 })
})

const tens = (word) => Array.from({ length: 10 }, (_, n) => `${word} ${n * 10}`)

test('a callback that throws ends the process as any uncaught exception does', async () => {
  const { code, stderr } = await runProgram(`
    new MongoSessionStore({ uri: 'memory:' }).get('sid', () => { throw new Error('my own fault') })
  `)
  assert.equal(code, 1)
  assert.match(stderr, /my own fault/)
})

test('a failure that nobody waits for does not end the process', async () => {
  const { code, stdout, stderr } = await runProgram(`
    const store = new MongoSessionStore({ uri: 'memory:' })
    const session = { cookie: {} }
    session.self = session
    store.set('sid', session)
    store.get(5)
    await store.close()
    store.get('sid')
    await new Promise((resolve) => setImmediate(resolve))
    console.log('alive')
  `)
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'alive\n')
})
