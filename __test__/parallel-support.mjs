// What the tests of parallel requests share: one browser whose requests meet inside the app, in
// this process or in several.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { barrier } from '../bench/harness/barrier.mjs'
import { Browser, serve, sessionOf } from './express-support.mjs'
import { onBothEngines, until } from './support.mjs'

export { barrier }

/** A URL whose requests wait for each other, `parties` at a time. */
export async function meetingPoint(t, parties) {
  const meet = barrier(parties)
  const server = createServer((req, res) => meet().then(() => res.end())).listen(0, '127.0.0.1')
  // A connection that is kept alive is not to end between two requests of a slow machine.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** Runs a test with an app on each engine, and one browser in front of it. */
export function onBothApps(title, options, body) {
  onBothEngines(test, title, async (t, open, { sessions }) => {
    const store = open(options)
    await body(t, await visitorOf(t, store), { store, open, sessions })
  })
}

/** A browser in front of an app whose handlers are written where they are needed. */
export async function visitorOf(t, store, options) {
  const handlers = []
  const app = express()
  app.use(sessionOf(store, options))
  app.post('/:number', async (req, res) => {
    const body = await handlers[req.params.number](req)
    res.json(body ?? null)
  })
  return new Visitor(new Browser(await serve(t, app)), store, handlers)
}

/** A browser whose requests are handled by the functions that it sends; see `visitorOf`. */
export class Visitor {
  constructor(browser, store, handlers) {
    Object.assign(this, { browser, store, handlers })
  }

  get sid() {
    return this.browser.sid()
  }

  /** Sends a request that is handled by `handler`, and answers what that returns, as JSON has it. */
  async request(handler) {
    const number = this.handlers.push(handler) - 1
    const { status, text } = await this.browser.post(`/${number}`)
    assert.equal(status, 200, text)
    return JSON.parse(text)
  }

  /** Begins a session that holds `data`, and answers its id. */
  async login(data = { user: 'ada' }) {
    this.browser.cookies.clear()
    await this.request(({ session }) => void Object.assign(session, data))
    return this.sid
  }

  /** Requests that all have loaded the session before the first one changes it and ends. */
  async atOnce(...changes) {
    const meet = barrier(changes.length)
    await Promise.all(
      changes.map((change) =>
        this.request(async (req) => {
          await meet()
          await change(req.session, req)
        }),
      ),
    )
  }

  /** The same, but they change and save one after another, in this order. */
  async inTurn(...changes) {
    const meet = barrier(changes.length)
    let turn
    const requests = changes.map((change) => {
      const before = turn
      turn = this.request(async (req) => {
        await meet()
        await before
        await change(req.session, req)
      })
      return turn
    })
    await Promise.all(requests)
  }

  /** What the session holds now. */
  async data() {
    const session = await this.store.get(this.sid)
    if (session === null) return null
    const { cookie: _cookie, ...data } = session
    return data
  }
}

/** Saves the session of a request and waits for it. */
export function save({ session }) {
  return new Promise((resolve, reject) => {
    session.save((error) => (error ? reject(error) : resolve()))
  })
}

/** Reads the session of a request again; it is another object then. */
export function reload(req) {
  return new Promise((resolve, reject) => {
    req.session.reload((error) => (error ? reject(error) : resolve(req.session)))
  })
}

/** Gives a request a new session with a new id. */
export function regenerate(req) {
  return new Promise((resolve, reject) => {
    req.session.regenerate((error) => (error ? reject(error) : resolve(req.session)))
  })
}

/**
 * Writes down the statements that reach the collection `sessions` from now on, and answers a
 * function that waits until there are `count` updates and answers them.
 */
export async function recordUpdates(db) {
  await db.setProfilingLevel('all')
  const filter = { op: 'update', ns: `${db.databaseName}.sessions` }
  const recorded = () =>
    db.collection('system.profile').find(filter).sort({ $natural: 1 }).toArray()
  return async (count) => {
    const updates = await until(async () => {
      const updates = await recorded()
      return updates.length >= count && updates
    }, `${count} updates`)
    await db.setProfilingLevel('off')
    assert.equal(updates.length, count)
    return updates.map(({ command }) => command)
  }
}

/** Starts parallel-app.mjs in a process of its own, with a store of these options. */
export async function startApp(t, options) {
  const path = fileURLToPath(new URL('parallel-app.mjs', import.meta.url))
  const child = fork(path, [JSON.stringify(options)])
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.disconnect()
    await exit
  })
  const discarded = []
  child.on('message', ({ discard }) => discard !== undefined && discarded.push(discard))
  const [{ port }] = await once(child, 'message')
  return { origin: `http://127.0.0.1:${port}`, discarded }
}
