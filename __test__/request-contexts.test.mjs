// AsyncLocalStorage: what a store does by itself belongs to no request, and keeps none. That the answer to a call is in the
// caller's context is a check of compatibility/.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MongoSessionStore } from '../index.mjs'
import { database, freePort, newSession, runProgram, until } from './support.mjs'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const requests = new AsyncLocalStorage()

/** Does something in a request of its own, and answers what tells whether that is still kept. */
async function request(url, action) {
  const context = { url }
  await requests.run(context, action)
  return new WeakRef(context)
}

function collected(reference, what) {
  return until(() => {
    collectGarbage()
    return reference.deref() === undefined
  }, `the end of ${what}`)
}

const CALLS = {
  get: (store) => store.get('sid'),
  'get with a callback': (store) => new Promise((resolve) => store.get('sid', resolve)),
  touch: (store) => store.touch('sid', newSession()),
  update: (store) => store.update('sid', (session) => void (session.n = 1)),
  devices: (store) => store.devices('ada'),
  scan: async (store) => {
    for await (const { sid } of store.scan()) assert.equal(sid, 'sid')
  },
  clear: (store) => store.clear(),
}

for (const engine of ['mongodb', 'memory']) {
  test(`an idle store keeps no request, not even the one in which it was made (${engine})`, async (t) => {
    const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
    let store
    const first = await request('/first', async () => {
      store = new MongoSessionStore({ uri, userId: ({ user }) => user, device: true })
      await store.set('sid', newSession({ user: 'ada' }))
    })
    t.after(() => store.close())
    await collected(first, 'the request that made the store')
    for (const [name, call] of Object.entries(CALLS)) {
      await collected(await request(`/${name}`, () => call(store)), `a request with ${name}`)
    }
  })
}

test('events about the server are told outside of the request that made the store', async (t) => {
  const place = await database(t)
  const uris = { connect: place.uri, error: `mongodb://127.0.0.1:${await freePort()}/` }
  for (const [event, uri] of Object.entries(uris)) {
    const told = await requests.run({ url: '/first' }, async () => {
      const store = new MongoSessionStore({ uri, operationTimeout: 1000 })
      const context = new Promise((resolve) => {
        store.on(event, () => resolve(requests.getStore() ?? 'none'))
      })
      // An idle store does not keep the process alive.
      await store.get('sid').catch(() => {})
      const found = await context
      await store.close()
      return found
    })
    assert.equal(told, 'none', event)
  }
})

test('the log of an operator keeps it neither', async () => {
  const { stdout, stderr } = await runProgram(
    `
      import { AsyncLocalStorage } from 'node:async_hooks'
      const requests = new AsyncLocalStorage()
      let store
      const made = () => {
        const context = {}
        requests.run(context, () => (store = new MongoSessionStore({ uri: 'memory:' })))
        return new WeakRef(context)
      }
      const request = made()
      await store.get('sid')
      for (let turn = 0; turn < 200 && request.deref() !== undefined; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        globalThis.gc()
      }
      console.log(request.deref() === undefined ? 'collected' : 'kept')
      await store.close()
    `,
    { env: { ...process.env, NODE_DEBUG: 'mongodb-session-store', NODE_OPTIONS: '--expose-gc' } },
  )
  assert.equal(stdout, 'collected\n', stderr)
})
