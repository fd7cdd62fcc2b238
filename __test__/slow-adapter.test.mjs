// A cryptoAdapter that takes its time: the order of calls, the order of event and answer, and one that
// never answers.
import { reversing } from './encryption-support.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  failure,
  newSession,
  onBothEngines,
  openStore,
  runProgram,
  succeeds,
  until,
} from './support.mjs'

const hanging = () => new Promise(() => {})

/** An adapter and a function that holds its next encryption until the function it answers is called. */
function holding() {
  let held
  const hold = () => {
    let release
    held = new Promise((resolve) => (release = resolve))
    return release
  }
  const encrypt = async (text) => {
    const wait = held
    held = undefined
    await wait
    return reversing.encrypt(text)
  }
  return { cryptoAdapter: { ...reversing, encrypt }, hold }
}

onBothEngines(test, 'what changes all sessions keeps its order, too', async (t, open) => {
  const { cryptoAdapter, hold } = holding()
  const store = open({ cryptoAdapter })
  await store.set('old', newSession({ n: 0 }))
  const release = hold()
  const calls = [
    store.set('a', newSession({ n: 1 })),
    store.clear(),
    store.get('old'),
    store.set('b', newSession({ n: 2 })),
    store.length(),
    store.clear(),
    store.set('c', newSession({ n: 3 })),
    store.get('c'),
    store.flagDeletion(null),
    store.set('d', newSession({ n: 4 })),
    store.destroyMany({}),
    store.set('e', newSession({ n: 5 })),
  ]
  // What does not wait has left by then.
  await new Promise((resolve) => setImmediate(resolve))
  release()
  const [, , old, , length, , , last] = await Promise.all(calls)
  assert.equal(old, null)
  assert.equal(length, 1)
  assert.equal(last.n, 3)
  assert.deepEqual(await store.ids(), ['e'])
  // Nothing waits any more.
  assert.equal((await store.get('e')).n, 5)
})

test('an adapter that does not answer is a timeout that names it', async (t) => {
  // What does not hang has this time, too, and a busy machine needs some of it.
  const operationTimeout = 10_000
  const options = { uri: 'memory:', operationTimeout }
  const encrypting = openStore(t, { ...options, cryptoAdapter: { ...reversing, encrypt: hanging } })
  const told = (operation, name) => ({
    code: 'ERR_STORE_TIMEOUT',
    message: `${operation} timed out after ${operationTimeout} ms while waiting for the option 'cryptoAdapter.${name}'`,
  })
  const decrypting = openStore(t, { ...options, cryptoAdapter: { ...reversing, decrypt: hanging } })
  await decrypting.set('sid', newSession())

  let found
  const behind = async () => {
    const set = encrypting.set('sid', newSession())
    const after = succeeds(encrypting.get('sid').then((session) => (found = session)))
    await assert.rejects(set, told('set', 'encrypt'))
    return after
  }
  const [isAnswered] = await Promise.all([
    behind(),
    assert.rejects(decrypting.get('sid'), told('get', 'decrypt')),
    assert.rejects(decrypting.all(), told('all', 'decrypt')),
    assert.rejects(decrypting.entries(), told('scan', 'decrypt')),
    assert.rejects(decrypting.scan().next(), told('scan', 'decrypt')),
  ])
  // A machine that stands still at the end of that time leaves none for what comes behind.
  if (!isAnswered) await until(behind, 'what comes behind')
  assert.equal(found, null)
  assert.equal(await encrypting.length(), 0)
  assert.deepEqual(await decrypting.ids(), ['sid'])
  await decrypting.destroy('sid')
})

test('a call that waits for the adapter keeps the process alive, and nothing does after it', async () => {
  const { code, signal, stdout, stderr } = await runProgram(`
    const hanging = { encrypt: () => new Promise(() => {}), decrypt: (text) => text }
    const late = new MongoSessionStore({
      uri: 'memory:', operationTimeout: 200, cryptoAdapter: hanging,
    })
    late.set('sid', { cookie: {} }, (error) => console.log(error.code))
    const plain = { encrypt: async (text) => 'x' + text, decrypt: async (text) => text.slice(1) }
    const quick = new MongoSessionStore({
      uri: 'memory:', operationTimeout: 600_000, cryptoAdapter: plain,
    })
    quick.set('sid', { cookie: {}, n: 1 })
    quick.get('sid', (error, session) => console.log(session.n))`)
  assert.equal(signal, null, stderr)
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').sort(), ['1', 'ERR_STORE_TIMEOUT'])
})

test('the event comes before the answer however long the adapter takes', async (t) => {
  const store = openStore(t, { uri: 'memory:', cryptoAdapter: reversing })
  await store.set('sid', newSession())
  const order = []
  for (const event of ['get', 'all']) store.on(event, () => order.push(`${event} told`))
  await store.get('sid')
  order.push('get answered')
  await store.all()
  order.push('all answered')
  await new Promise((resolve) => store.get('sid', () => resolve(order.push('get answered'))))
  assert.deepEqual(order, [
    ...['get told', 'get answered', 'all told', 'all answered', 'get told', 'get answered'],
  ])
})

test('an adapter that fails late fails its call and no other', async (t) => {
  const store = openStore(t, { uri: 'memory:', cryptoAdapter: reversing })
  await store.set('fine', newSession({ n: 1 }))
  const decrypt = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error('the key of somebody')
  }
  const failing = openStore(t, { uri: 'memory:', cryptoAdapter: { ...reversing, decrypt } })
  await failing.set('sid', newSession())
  assert.equal((await failure(failing.get('sid'))).code, 'ERR_STORE_DECRYPT')
  assert.deepEqual(await failing.all(), [])
  assert.deepEqual(await failing.entries(), [])
  assert.equal((await store.get('fine')).n, 1)
})
