// What the tests of outages share: servers that can be hurt, and a ledger of what was promised.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { startProxy } from '../scripts/tcp-proxy.mjs'
import { afterwards, driver, newSession, succeeds, until } from './support.mjs'

export { ownMongod } from './support.mjs'

/** What every method of a store is called with, for a session `sid`. */
export const METHODS = {
  get: (sid) => [sid],
  set: (sid) => [sid, newSession({ secret: 'private' })],
  touch: (sid) => [sid, newSession()],
  destroy: (sid) => [sid],
  all: () => [],
  length: () => [],
  clear: () => [],
}

/** How an operation may fail while its server cannot be reached. */
export const UNREACHABLE = /^ERR_STORE_(TIMEOUT|CONNECTION)$/

/** How much later than its deadline a busy machine may tell of the end of an operation. */
const LATE = 10_000

/** A proxy of the test's own in front of a mongod. */
export async function openProxy(t, port) {
  const proxy = await startProxy(port)
  afterwards(t, () => proxy.close())
  return proxy
}

/** The collection of sessions, as the official driver sees it. */
export async function witness(t, uri) {
  const client = await driver(t, uri)
  return client.db().collection('sessions')
}

/** Calls every method on a session and answers `{ method, error, value, took }` of each. */
export function callEveryMethod(store, sid) {
  const calls = Object.entries(METHODS).map(async ([method, args]) => ({
    method,
    ...(await outcomeOf(() => store[method](...args(sid)))),
  }))
  return Promise.all(calls)
}

/** How a call ended and after how many milliseconds, by its callback or by its promise. */
async function outcomeOf(call) {
  const since = Date.now()
  const ended = await call().then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
  return { ...ended, took: Date.now() - since }
}

/** Every method fails in time, and says why and nothing else. */
export async function everyMethodFails(store, timeout, sid = 'a-session-id') {
  for (const { method, error, took } of await callEveryMethod(store, sid)) {
    assert.ok(error, `${method} should have failed`)
    assert.ok(took < timeout + LATE, `${method} took ${took} ms`)
    assertUnreachable(error, [sid, 'private'])
  }
}

/** An error of a server that cannot be reached: a stable code, and no secret anywhere. */
export function assertUnreachable(error, secrets = []) {
  assert.match(error.code, UNREACHABLE)
  if (error.code === 'ERR_STORE_CONNECTION') {
    assert.ok(error.cause instanceof Error, `'${error.message}' has no cause`)
    assert.ok(error.cause.message.length > 0)
  }
  const told = [error, error.cause ?? error].map((each) => each.stack + JSON.stringify(each)).join()
  for (const secret of secrets) assert.ok(!told.includes(secret), told)
}

/** Waits until a store works again, and answers after how many milliseconds. */
export async function works(store) {
  const since = Date.now()
  await until(() => succeeds(store.set('works-again', newSession())), 'the store to work')
  return Date.now() - since
}

/**
 * What the sessions of a test may be: after an acknowledged operation exactly one state, after one
 * that failed the state before it and the state after it. A state is the number that was stored, or
 * null for none.
 */
export class Ledger {
  acknowledged = 0
  failed = 0
  /** The longest that an acknowledged operation took, in milliseconds. */
  longest = 0
  #states = new Map()
  #lastNumber = 0

  /** Stores or destroys a session and takes note of what is known then. */
  async change(store, sid, verb) {
    const number = verb === 'set' ? ++this.#lastNumber : null
    const args = number === null ? [] : [newSession({ number })]
    const { error, took } = await outcomeOf(() => store[verb](sid, ...args))
    if (error) {
      this.failed++
      this.#states.set(sid, new Set([...this.statesOf(sid), number]))
      return error
    }
    this.acknowledged++
    this.longest = Math.max(this.longest, took)
    this.#states.set(sid, new Set([number]))
  }

  statesOf(sid) {
    return this.#states.get(sid) ?? new Set([null])
  }

  /** Every session is in a state that it may have. */
  async audit(sessions) {
    const documents = await sessions.find({ _id: /^ledger-/ }).toArray()
    const stored = new Map(documents.map(({ _id, session }) => [_id, session.number]))
    const wrong = []
    for (const [sid, states] of this.#states) {
      const state = stored.get(sid) ?? null
      if (!states.has(state)) wrong.push(`${sid} is ${state}, not ${[...states].join(' or ')}`)
    }
    assert.deepEqual(wrong, [])
    assert.deepEqual(
      [...stored.keys()].filter((sid) => !this.#states.has(sid)),
      [],
    )
  }
}

/**
 * Changes sessions until it is stopped: `writers` at a time, each with sessions of its own, one call
 * on a session after the other. `stop` answers once the last of them has ended.
 */
export function startLoad(t, store, ledger, { writers = 16, sessions = 4 } = {}) {
  let stopped = false
  const errors = []
  const work = async (writer) => {
    for (let n = 0; !stopped; n++) {
      const sid = `ledger-${writer}-${n % sessions}`
      const error = await ledger.change(store, sid, n % 5 === 4 ? 'destroy' : 'set')
      if (error) errors.push(error)
      if (error) {
        // It goes on once the server may be back: a storm of failures proves nothing more.
        await setTimeout(50)
      } else if (n % 3 === 0) {
        await store.touch(sid, newSession()).catch((error) => errors.push(error))
      }
    }
  }
  const done = Promise.all(Array.from({ length: writers }, (_, writer) => work(writer)))
  const stop = () => {
    stopped = true
    return done
  }
  afterwards(t, stop)
  return { errors, stop }
}
