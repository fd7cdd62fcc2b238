// NODE_DEBUG=mongodb-session-store.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, freePort, runProgram } from './support.mjs'

const PROGRAM = `
  const [, uri, isThere, waitMs] = process.argv
  const store = new MongoSessionStore({ uri, operationTimeout: 60_000 })
  const lost = new Promise((resolve) => store.on('error', resolve))
  const saved = store.set('live-credential', { cookie: { path: '/' }, secret: 'private' })
  if (isThere === 'true') await saved
  else await Promise.all([saved.catch(() => {}), lost])
  await new Promise((resolve) => setTimeout(resolve, Number(waitMs)))
  await store.close()`

function run(uri, { debug, isThere = true, waitMs = 0 }) {
  const env = { ...process.env, NODE_DEBUG: debug }
  return runProgram(PROGRAM, { args: [uri, String(isThere), String(waitMs)], env })
}

test('an operator sees when the store is connected, its index, and how calls share commands', async (t) => {
  const { uri } = await database(t)
  const { stderr } = await run(uri, { debug: 'mongodb-session-store', waitMs: 10_500 })
  const name = `${new URL(uri).pathname.slice(1)}.sessions`
  assert.match(stderr, new RegExp(`^MONGODB-SESSION-STORE \\d+: ${name} connected$`, 'm'))
  assert.match(stderr, new RegExp(`: ${name} index expires_1 is there$`, 'm'))
  assert.match(stderr, new RegExp(`: ${name} commands: .*update 1 with 1\\.0 calls each$`, 'm'))
  assert.match(stderr, new RegExp(`: ${name} closed$`, 'm'))
  assert.doesNotMatch(stderr, /live-credential|private/)
})

test('and when no server can be reached, why, without what is secret', async () => {
  const port = await freePort()
  const uri = `mongodb://ada:password@127.0.0.1:${port}/d?serverSelectionTimeoutMS=300`
  const { stderr } = await run(uri, { debug: 'mongodb-session-store', isThere: false })
  assert.match(
    stderr,
    new RegExp(`: d\\.sessions lost: ERR_STORE_CONNECTION .*127\\.0\\.0\\.1:${port}`),
  )
  assert.doesNotMatch(stderr, /live-credential|private|password|ada/)
})

test('nothing is written without it', async (t) => {
  const { uri } = await database(t)
  const { stdout, stderr } = await run(uri, { debug: 'http' })
  assert.deepEqual([stdout, stderr], ['', ''])
})
