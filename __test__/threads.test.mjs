// Several stores at once: in threads, in processes, and side by side.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Browser } from './express-support.mjs'
import { database, isLong, newSession, onBothEngines, openStore, until } from './support.mjs'

test('threads share the sessions of a collection', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri })
  const names = ['a', 'b', 'c', 'd']
  const answers = await Promise.all(names.map((name) => inThread({ uri, name, count: 50 })))
  for (const [index, name] of names.entries()) {
    assert.deepEqual(
      answers[index],
      Array.from({ length: 50 }, (_, index) => ({ name, sid: `${name}-${index}` })),
    )
  }
  assert.equal(await sessions.countDocuments(), 200)
  assert.equal(await store.length(), 200)
  assert.equal((await store.get('c-7')).name, 'c')
})

test('threads work on the engine without a server, each with its own sessions', async (t) => {
  const store = openStore(t, { uri: 'memory:' })
  const threads = ['a', 'b'].map((name) => inThread({ uri: 'memory:', name, count: 5 }))
  for (const answer of await Promise.all(threads)) assert.equal(answer.length, 5)
  assert.equal(await store.length(), 0)
})

/** What a thread of threads/worker.mjs answers; it has to end by itself. */
async function inThread(workerData) {
  const worker = new Worker(new URL('threads/worker.mjs', import.meta.url), { workerData })
  const exit = once(worker, 'exit')
  const [answer] = await once(worker, 'message')
  assert.deepEqual(await exit, [0])
  return answer
}

onBothEngines(test, 'stores in one process do not disturb each other', async (t, open) => {
  const stores = ['one:', 'two:', 'three:'].map((prefix) => open({ prefix }))
  stores.push(open({ collection: 'others' }))
  await Promise.all(
    stores.flatMap((store, index) => [
      store.set('same', newSession({ index })),
      store.set(`own-${index}`, newSession({ index })),
    ]),
  )
  for (const [index, store] of stores.entries()) {
    assert.equal(await store.length(), 2)
    assert.equal((await store.get('same')).index, index)
  }
  await stores[0].clear()
  await stores[1].close()
  assert.deepEqual(await Promise.all([0, 2, 3].map((index) => stores[index].length())), [0, 2, 2])
})

const THREADS = isLong ? 20 : 6

for (const engine of ['mongodb', 'memory']) {
  test(`threads that are ended at work leave the process alone (${engine})`, async (t) => {
    const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
    const { code, signal, stdout, stderr } = await start(t, 'terminate', uri, String(THREADS)).exit
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    assert.equal(stdout, 'works: true\n')
  })

  for (const way of ['exit', 'exit while it connects']) {
    test(`a process at work can ${way} (${engine})`, async (t) => {
      const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
      const { code, signal, stderr } = await start(t, 'exit', uri, way).exit
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    })
  }

  test(`an uncaught error ends a process at work as any other (${engine})`, async (t) => {
    const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
    const { code, signal, stderr } = await start(t, 'exit', uri, 'throw').exit
    assert.deepEqual({ code, signal }, { code: 1, signal: null })
    assert.match(stderr, /Error: the application failed/)
  })
}

test('the processes of a cluster serve one application', async (t) => {
  const { uri, sessions } = await database(t)
  const cluster = start(t, 'cluster', uri)
  const origin = await until(() => cluster.output().match(/http:\S+/)?.[0], 'the cluster to listen')
  const browser = new Browser(origin)
  const workers = new Set()
  let views = 0
  do {
    const answer = JSON.parse((await browser.get('/')).text)
    assert.equal(answer.views, ++views)
    workers.add(answer.worker)
  } while (workers.size < 2)
  const { session } = await sessions.findOne({ _id: browser.sid() })
  assert.equal(session.views, views)
  assert.equal(await sessions.countDocuments(), 1)

  cluster.child.kill('SIGTERM')
  const { code, stdout } = await cluster.exit
  assert.match(stdout, /exited with 0,0/)
  assert.equal(code, 0)
})

/** Runs a file of threads/ in a process of its own, until the test has ended at the latest. */
function start(t, name, ...args) {
  const file = fileURLToPath(new URL(`threads/${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text))
  }
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }))
  return { child, exit, output: () => output.stdout }
}
