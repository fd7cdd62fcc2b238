// What a check has around it: stores on the engine that is checked, and a witness of what is stored.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { MongoSessionStore } from '../../index.mjs'
import { withDatabase } from '../../scripts/mongodb-uri.mjs'

/**
 * - `uri`: sessions of this check's own; `isMemory` if they are in memory
 * - `open(options)`: a store of them, which is closed after the check
 * - `document(sid)`: what is stored of a session, by the official driver; on MongoDB only
 * - `run(file, ...args)`: a file beside this one in a process of the same runtime
 * - `end()`: closes and removes all of it
 */
export function newWorld(engine) {
  const isMemory = engine === 'memory:'
  const uri = isMemory ? engine : withDatabase(engine, `check_${randomUUID().slice(0, 8)}`)
  const stores = []
  let client

  async function database() {
    client ??= await MongoClient.connect(uri)
    return client.db()
  }

  return {
    uri,
    isMemory,
    open(options) {
      // How fast it is, the benchmarks say, and a busy machine is slow.
      const store = new MongoSessionStore({ uri, operationTimeout: 120_000, ...options })
      // What nobody listens to would be of no use to whoever reads the outcome.
      store.problems = []
      for (const event of ['error', 'warning']) {
        store.on(event, (error) => store.problems.push(error))
      }
      stores.push(store)
      return store
    },
    async document(sid) {
      return (await database()).collection('sessions').findOne({ _id: sid })
    },
    run: (file, ...args) => run(file, [uri, ...args]),
    async end() {
      await Promise.all(stores.map((store) => store.close()))
      if (isMemory) return
      await (await database()).dropDatabase()
      await client.close()
    },
  }
}

/** Answers how a program ended, and what it printed. */
async function run(file, args) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const [command, ...before] = RUNTIME
  const child = spawn(command, [...before, path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text))
  }
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (...end) => resolve(end))
  })
  return { code, signal, ...output }
}

/** What stands before the file of a program: this runtime, with the emulator or the permissions that it needs. */
const RUNTIME = JSON.parse(process.env.CHECKS_RUNTIME ?? JSON.stringify([process.execPath]))

/** A check that is about a server: there is none of it in memory. */
export function onMongodb(body) {
  return Object.assign(body, { needsServer: true })
}

/** A session as express-session hands it over. */
export function newSession(data = {}) {
  const lifetime = 60_000
  const _expires = new Date(Date.now() + lifetime)
  return { cookie: { path: '/', _expires, originalMaxAge: lifetime, httpOnly: true }, ...data }
}

/** What a session holds but for its cookie. */
export function dataOf({ cookie: _cookie, ...data }) {
  return data
}

/** The Session that a request gets of a stored session. */
export async function load(store, sid) {
  return store.createSession({ sessionID: sid, sessionStore: store }, await store.get(sid))
}

/** Waits until a condition holds. */
export async function until(condition, what) {
  const deadline = Date.now() + 30_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited 30 s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
