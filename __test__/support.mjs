// What the tests share: servers, stores and witnesses that clean up after themselves.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '../index.mjs'
import { startMongod } from '../scripts/mongod.mjs'
import { provideMongodb } from '../scripts/mongodb.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'

/** The server of the run; a test file that runs alone starts one for itself. */
const mongodbUri =
  process.env.MONGODB_URI ??
  (await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })).uri

/** Whether the tests that have a long form are to take it, as `npm run test:long` says. */
export const isLong = process.env.TESTS_ARE_LONG === 'yes'

/**
 * Has something undone after the test, and what was done last first: a client is closed before its server stops,
 * or it would look for that for half a minute.
 */
export function afterwards(t, undo) {
  if (!done.has(t)) {
    done.set(t, [])
    t.after(async () => {
      const failures = []
      for (let next; (next = done.get(t).pop()) !== undefined;) {
        try {
          await next()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    })
  }
  done.get(t).push(undo)
}

/** What is to be undone after each test. */
const done = new WeakMap()

/** A mongod of the test's own. */
export async function ownMongod(t, options) {
  const mongod = await startMongod(options)
  afterwards(t, () => mongod.stop())
  return mongod
}

/** A database of the test's own on the shared server; it is dropped after the test. */
export async function database(t) {
  const uri = withDatabase(mongodbUri, `test_${randomUUID().slice(0, 8)}`)
  const client = await MongoClient.connect(uri)
  const db = client.db()
  afterwards(t, async () => {
    // Before: a store that has just been opened may still be creating its index.
    await Promise.all((opened.get(t) ?? []).map((store) => store.close()))
    await db.dropDatabase()
    await client.close()
  })
  return { uri, db, sessions: db.collection('sessions') }
}

/** The stores of each test. */
const opened = new WeakMap()

/** A store that is closed after the test. Every event but `info` is collected in `events`. */
export function openStore(t, options) {
  return watched(t, new MongoSessionStore(options))
}

/** The same for a store that is open already. */
export function watched(t, store) {
  const events = []
  for (const name of ['error', 'warning', 'discard']) {
    store.on(name, (value) => events.push({ name, value }))
  }
  opened.set(t, [...(opened.get(t) ?? []), store])
  afterwards(t, () => store.close())
  return Object.assign(store, { events })
}

/**
 * Runs the same promise on both engines. `body` gets the test context, a function that opens a
 * store on the engine (several of them share their sessions on MongoDB only), and the engine.
 */
export function onBothEngines(test, title, body) {
  test(`${title} (mongodb)`, async (t) => {
    const { uri, sessions } = await database(t)
    await body(t, (options) => openStore(t, { uri, ...options }), { engine: 'mongodb', sessions })
  })
  test(`${title} (memory)`, async (t) => {
    await body(t, (options) => openStore(t, { uri: 'memory:', ...options }), { engine: 'memory' })
  })
}

/** Waits until `condition` answers something truthy, and answers it. */
export async function until(condition, what = 'the condition', patienceMs = 30_000) {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`waited ${patienceMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Waits until a store has reached its server. */
export async function connected(store) {
  // An idle store does not keep the process alive, so an event would not be waited for.
  await until(() => store.connected, 'the connection')
  return store
}

/** Waits until a store's server answers, which has been away. */
export function answers(store) {
  return until(() => succeeds(store.ping()), 'an answer')
}

/** For what is large: how fast that is, the benchmarks say, and a busy machine is slow. */
export const PATIENT = { operationTimeout: 120_000 }

/** A session as express-session hands it over for a cookie with a lifetime. */
export function newSession(data = {}, lifetime = 60_000) {
  return {
    cookie: {
      path: '/',
      _expires: new Date(Date.now() + lifetime),
      originalMaxAge: lifetime,
      httpOnly: true,
    },
    ...data,
  }
}

/** The Session that a request gets of a stored session. */
export async function load(store, sid = 'sid') {
  return store.createSession({ sessionID: sid, sessionStore: store }, await store.get(sid))
}

/** Whether a promise is kept. */
export function succeeds(promise) {
  return promise.then(
    () => true,
    () => false,
  )
}

/** The error that a promise is rejected with. */
export async function failure(promise) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
  assert.ok('error' in outcome, 'the operation should have failed')
  return outcome.error
}

/**
 * Runs a program, the text of an ES module in which `MongoSessionStore` is imported, in a Node
 * process of its own, and answers how that ended. `within` is a command that starts the one behind
 * it, such as `env`.
 */
export async function runProgram(source, { args = [], env, timeout = 60_000, within = [] } = {}) {
  const index = new URL('../index.mjs', import.meta.url).href
  const program = `import { MongoSessionStore } from ${JSON.stringify(index)}\n${source}`
  const node = [process.execPath, '--input-type=module', '--eval', program, ...args]
  const [command, ...rest] = [...within, ...node]
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    timeout,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, signal, stdout, stderr }
}

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Freezes a process, and waits until each of its threads stands still: the signal takes a moment. */
export async function freeze(pid) {
  process.kill(pid, 'SIGSTOP')
  await until(() => isStopped(pid), 'a process to stand still')
}

function isStopped(pid) {
  const threads = `/proc/${pid}/task`
  if (!existsSync(threads)) {
    return String(execFileSync('ps', ['-o', 'state=', '-p', String(pid)])).startsWith('T')
  }
  return readdirSync(threads).every((thread) => {
    try {
      const [, state] = readFileSync(`${threads}/${thread}/stat`, 'utf8').split(') ')
      return state.startsWith('T')
    } catch {
      return false // It has just ended: look again.
    }
  })
}
