// What the tests share: servers, stores and witnesses that clean up after themselves.
import './neutral-environment.mjs'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '../index.mjs'
import { withDatabase } from '../scripts/mongodb-uri.mjs'

export { freePort } from '../scripts/free-port.mjs'

/** The server of the run; a test file that runs alone starts one for itself. */
const mongodbUri = process.env.MONGODB_URI ?? (await startServer())

async function startServer() {
  const { provideMongodb } = await import('../scripts/mongodb.mjs')
  // The store is to judge expiry itself, so MongoDB's own cleaning stands still.
  const { uri } = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  return uri
}

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

/**
 * A mongod of the test's own, which may be frozen and killed. To start one takes longer than most tests, so one that a
 * test leaves running is emptied for the next one that wants the same.
 */
export async function ownMongod(t, options = {}) {
  const kind = JSON.stringify(options)
  const mongod = idle.get(kind) ?? (await newMongod(options))
  idle.delete(kind)
  afterwards(t, async () => {
    const canStay = !isOver && !options.auth && !idle.has(kind) && (await succeeds(empty(mongod)))
    if (canStay) idle.set(kind, mongod)
    else await mongod.stop()
  })
  return mongod
}

/** Those of earlier tests, by their options. */
const idle = new Map()
let isOver = false

async function newMongod(options) {
  // Only here: most files need none, and loading what starts it takes longer than their tests.
  const { startMongod } = await import('../scripts/mongod.mjs')
  return startMongod(options)
}

/** Leaves nothing of a test in its mongod. */
async function empty({ members, uri }) {
  for (const { pid } of members) process.kill(pid, 'SIGCONT')
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 5000 })
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    const names = databases.map(({ name }) => name)
    for (const name of names.filter((name) => !['admin', 'config', 'local'].includes(name))) {
      await client.db(name).dropDatabase()
    }
    // The next test may kill it before it would have that on disk.
    await client.db('admin').command({ fsync: 1 })
    const failPoint = { configureFailPoint: 'failCommand', mode: 'off' }
    // There is none where it was not asked for.
    await succeeds(client.db('admin').command(failPoint))
  } finally {
    await client.close()
  }
}

/** A client of the official driver. */
export async function driver(t, uri, options) {
  const client = await MongoClient.connect(uri, options)
  afterwards(t, () => client.close())
  return client
}

/** A database of the test's own on the shared server; it is dropped after the test. */
export async function database(t) {
  const name = `test_${randomUUID().slice(0, 8)}`
  const db = (await witness()).db(name)
  afterwards(t, async () => {
    // Before: a store that has just been opened may still be creating its index.
    await Promise.all((opened.get(t) ?? []).map((store) => store.close()))
    await db.dropDatabase()
  })
  return { uri: withDatabase(mongodbUri, name), db, sessions: db.collection('sessions') }
}

/** The official driver's client on the shared server, for all tests of a file: to connect takes it longer than most tests. */
function witness() {
  connecting ??= MongoClient.connect(mongodbUri)
  return connecting
}

let connecting

// Programs of the tests import this file, too.
if (process.argv[1]?.endsWith('.test.mjs')) {
  after(async () => {
    isOver = true
    await (await connecting)?.close()
    for (const mongod of idle.values()) await mongod.stop()
  })
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
export async function until(condition, what = 'the condition', patienceMs = 60_000) {
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

/**
 * A store that `open` has opened, once it has logged in: that takes a busy machine longer than a server is waited for,
 * which is another failure than one to log in.
 */
export function loggedIn(open) {
  return until(async () => {
    const store = open()
    const error = await store.ping().then(
      () => undefined,
      (error) => error,
    )
    if (error === undefined) return store
    // A server that refuses it says so by a code of its own.
    const isLate = /^ERR_STORE_(CONNECTION|TIMEOUT)$/.test(error.code) && !('mongoCode' in error)
    if (!isLate) throw error
  }, 'a log-in')
}

/**
 * Does something until none of the reads that it has a store make was late, and answers what came of it. One that
 * is late is sent a second time, and the slower of both goes on when the other has been answered.
 */
export async function inTime(store, action) {
  const deadline = Date.now() + 60_000
  for (;;) {
    const { hedgedReads } = store.stats()
    const answer = await action()
    if (store.stats().hedgedReads === hedgedReads) return answer
    if (Date.now() > deadline) throw new Error('every time a read was late')
    // For so long at most.
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
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
export async function runProgram(source, { args = [], env, timeout = 240_000, within = [] } = {}) {
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

/** What a store says that has heard nothing of its server: the message of its error, and that of the cause. */
export const SILENCE = /could be reached\b.* no answer within/

/**
 * What comes of runs of a program that writes the errors of its store, with their causes, once one of them has heard
 * of its server. A machine that stood still before proves nothing.
 */
export function heard(run) {
  const hearing = async () => {
    const said = await run()
    return !SILENCE.test(said.stderr) && said
  }
  return until(hearing, 'a program that has heard of its server', 120_000)
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
