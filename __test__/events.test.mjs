import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect } from 'node:util'
import { onMongodb } from './express-support.mjs'
import { database, failure, newSession, onBothEngines, openStore, runProgram } from './support.mjs'

const NAMES = ['create', 'update', 'set', 'touch', 'destroy', 'get', 'all', 'discard']

/** What a store tells from now on, as `[event, ...arguments]`, in order. */
function record(store, names = NAMES) {
  const told = []
  for (const name of names) store.on(name, (...args) => told.push([name, ...args]))
  return told
}

onBothEngines(test, 'every verb tells what it has done, once', async (t, open) => {
  const store = open()
  const told = record(store)
  const first = newSession({ user: 'ada' })
  const second = newSession({ user: 'ada', cart: [1] })
  await store.set('sid', first)
  assert.deepEqual(told.splice(0), [
    ['create', 'sid'],
    ['set', 'sid', first],
  ])
  await store.set('sid', second)
  assert.deepEqual(told.splice(0), [
    ['update', 'sid'],
    ['set', 'sid', second],
  ])
  await store.touch('sid', second)
  assert.deepEqual(told.splice(0), [['touch', 'sid', second]])
  const found = await store.get('sid')
  assert.deepEqual(told.splice(0), [['get', 'sid', found]])
  const all = await store.all()
  assert.deepEqual(told.splice(0), [['all', all]])
  await store.destroy('sid')
  assert.deepEqual(told.splice(0), [['destroy', 'sid']])
  assert.equal(await store.get('sid'), null)
  assert.deepEqual(told.splice(0), [['get', 'sid', null]])
  await store.length()
  await store.ping()
  await store.clear()
  await store.close()
  assert.deepEqual(told, [])
})

onBothEngines(test, 'the session of an event is the one of the call', async (t, open) => {
  const store = open()
  const told = record(store)
  const session = newSession()
  await store.set('sid', session)
  await store.touch('sid', session)
  const found = await store.get('sid')
  const [, set, touch, get] = told
  assert.equal(set[2], session)
  assert.equal(touch[2], session)
  assert.equal(get[2], found)
})

onBothEngines(test, 'events tell the same to callers with callbacks', async (t, open) => {
  const store = open()
  const told = record(store)
  const call = (method, ...args) =>
    new Promise((resolve, reject) =>
      store[method](...args, (error, value) => (error ? reject(error) : resolve(value))),
    )
  await call('set', 'sid', newSession())
  await call('get', 'sid')
  await call('destroy', 'sid')
  assert.deepEqual(
    told.map(([name, sid]) => [name, sid]),
    [
      ['create', 'sid'],
      ['set', 'sid'],
      ['get', 'sid'],
      ['destroy', 'sid'],
    ],
  )
})

onBothEngines(test, 'saves that leave together are told apart', async (t, open) => {
  const store = open()
  await store.set('old1', newSession())
  await store.set('old2', newSession())
  const told = record(store, ['create', 'update'])
  const sids = ['new1', 'old1', 'new2', 'old2', 'new3']
  await Promise.all(sids.map((sid) => store.set(sid, newSession({ sid }))))
  assert.deepEqual(
    told.sort(([, a], [, b]) => a.localeCompare(b)),
    [
      ['create', 'new1'],
      ['create', 'new2'],
      ['create', 'new3'],
      ['update', 'old1'],
      ['update', 'old2'],
    ],
  )
})

onBothEngines(test, 'what fails tells nothing', async (t, open) => {
  const store = open()
  const told = record(store)
  const cycle = newSession()
  cycle.self = cycle
  await failure(store.set('sid', cycle))
  await failure(store.set('sid', newSession({ filling: 'x'.repeat(17 * 1024 * 1024) })))
  await failure(store.get(5))
  await store.close()
  await failure(store.set('sid', newSession()))
  await failure(store.destroy('sid'))
  assert.deepEqual(told, [])
})

onMongodb(
  'a request that saves a destroyed session is told as discarded and as nothing else',
  async (t, { store, visit }) => {
    const told = record(store, ['create', 'update', 'set', 'destroy', 'discard'])
    const browser = await visit({}, (app) => {
      app.get('/', (req, res) => {
        req.session.visits = (req.session.visits ?? 0) + 1
        res.end()
      })
      app.get('/late', async (req, res) => {
        await store.destroy(req.sessionID)
        req.session.visits = -1
        res.end()
      })
    })
    await browser.get('/')
    const sid = browser.sid()
    await browser.get('/')
    await browser.get('/late')
    const [create, set, update, again, ...rest] = told
    assert.deepEqual(create, ['create', sid])
    assert.deepEqual(set.slice(0, 2), ['set', sid])
    assert.deepEqual(update, ['update', sid])
    assert.deepEqual(again.slice(0, 2), ['set', sid])
    assert.deepEqual(rest, [
      ['destroy', sid],
      ['discard', sid],
    ])
  },
)

onBothEngines(test, 'a save of a flagged session is discarded', async (t, open) => {
  const store = open({ deleteFlags: true })
  await store.set('sid', newSession())
  await store.destroy('sid')
  const told = record(store)
  await store.set('sid', newSession())
  assert.deepEqual(told, [['discard', 'sid']])
})

test('events come before the answer, and after the method has returned', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const order = []
  store.on('set', () => order.push('event'))
  const answered = new Promise((resolve) =>
    store.set('sid', newSession(), () => resolve(order.push('answer'))),
  )
  order.push('returned')
  await answered
  assert.deepEqual(order, ['returned', 'event', 'answer'])
})

test('a listener that throws loses no answer and no other event', async (t) => {
  const { uri } = await database(t)
  const { code, stdout, stderr } = await runProgram(
    `const store = new MongoSessionStore({ uri: process.argv[1] })
     const thrown = []
     process.on('uncaughtException', ({ message }) => thrown.push(message))
     const told = []
     for (const name of ['create', 'set', 'get']) {
       store.on(name, (sid) => {
         told.push(name + ' ' + sid)
         throw new Error(name)
       })
     }
     const session = { cookie: { path: '/' } }
     await Promise.all(['a', 'b'].map((sid) => store.set(sid, session)))
     await Promise.all(['a', 'b'].map((sid) => store.get(sid)))
     await store.close()
     console.log(JSON.stringify({ told: told.sort(), thrown: thrown.length }))`,
    { args: [uri] },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    told: ['create a', 'create b', 'get a', 'get b', 'set a', 'set b'],
    thrown: 6,
  })
})

test('nothing is emitted to nobody', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const emitted = []
  const { emit } = store
  store.emit = function (name, ...args) {
    emitted.push(name)
    return emit.call(this, name, ...args)
  }
  const session = newSession()
  await store.set('sid', session)
  await store.touch('sid', session)
  await store.get('sid')
  await store.all()
  await store.destroy('sid')
  const told = emitted.filter((name) => NAMES.includes(name))
  assert.deepEqual(told, [])
})

test('once and off work as on any emitter', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const told = []
  const listener = (sid) => told.push(sid)
  store.once('create', listener)
  await store.set('a', newSession())
  await store.set('b', newSession())
  store.on('create', listener).off('create', listener)
  await store.set('c', newSession())
  assert.deepEqual(told, ['a'], inspect(told))
})
