// Processes and threads that end in the midst of their work, in every manner (by the hundreds, in the long form):
// none crashes, hangs or leaves a word of the native half.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CODES, WAYS } from './storm/ways.mjs'
import { database, freePort, isLong } from './support.mjs'

/** At least every way with every server. */
const PROCESSES = isLong ? 200 : 30
const THREADS = isLong ? 100 : 33

const AT_ONCE = 8

/** A process that has not ended by then hangs. */
const HANGS_MS = 240_000

/** Servers to be at work with: one that answers, one that is down, and none at all. */
async function servers(t) {
  const { uri } = await database(t)
  return [uri, `mongodb://127.0.0.1:${await freePort()}/db`, 'memory:']
}

/** So many endings: every way with every server, after 0 to 40 ms. */
function storm(count, ways, uris) {
  return Array.from({ length: count }, (_, index) => ({
    way: ways[index % ways.length],
    uri: uris[Math.floor(index / ways.length) % uris.length],
    ms: (index * 7) % 41,
  }))
}

function start(t, file, ...args) {
  const path = fileURLToPath(new URL(`storm/${file}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const hangs = setTimeout(() => child.kill('SIGKILL'), HANGS_MS)
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'close').then(async ([code, signal]) => {
    clearTimeout(hangs)
    return { code, signal }
  })
  return { child, exit, stderr: text(child.stderr) }
}

async function assertEnding(t, { way, uri, ms }) {
  const { child, exit, stderr } = start(t, 'process.mjs', way, uri, String(ms))
  child.stdout.once('data', async () => {
    await sleep(ms)
    child.kill('SIGTERM')
  })
  child.stdout.resume()
  const ended = { ...(await exit), stderr: await stderr }
  const what = `${way}, ${uri}, ${ms} ms: ${JSON.stringify(ended)}`
  const expected =
    way === 'be ended' ? { code: null, signal: 'SIGTERM' } : { code: CODES[way] ?? 0, signal: null }
  assert.deepEqual({ code: ended.code, signal: ended.signal }, expected, what)
  if (way.startsWith('throw')) assert.match(ended.stderr, /Error: the application failed/, what)
  else assert.equal(ended.stderr, '', what)
  assert.doesNotMatch(ended.stderr, /panicked|FATAL/, what)
}

test(`${PROCESSES} processes end in the midst of their work`, async (t) => {
  const queue = storm(PROCESSES, Object.keys(WAYS), await servers(t))
  const lane = async () => {
    while (queue.length > 0) await assertEnding(t, queue.shift())
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
})

for (const hasStore of [true, false]) {
  const where = hasStore ? 'beside a store of the main thread' : 'of a process without a store'
  test(`${THREADS} threads ${where} end in the midst of their work`, async (t) => {
    const uris = await servers(t)
    const ways = [...Object.keys(WAYS), 'close its port']
    const threads = storm(THREADS, ways, uris)
    const run = start(t, 'threads.mjs', JSON.stringify({ threads, hasStore, uri: uris[0] }))
    const stdout = text(run.child.stdout)
    const ended = { ...(await run.exit), stderr: await run.stderr }
    assert.deepEqual(ended, { code: 0, signal: null, stderr: '' })
    const expected = threads.map(({ way }) => `${way}: ${CODES[way] ?? Number(way === 'be ended')}`)
    if (hasStore) expected.push('works: 1')
    const endings = JSON.parse(await stdout).map(({ way, code }) => `${way}: ${code}`)
    assert.deepEqual(endings.sort(), expected.sort())
  })
}
