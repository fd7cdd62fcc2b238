// What waits for a function of the application, or for a call that does, has `operationTimeout` once and not
// once for each thing that it waits for.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import session from 'express-session'
import { newSession, openStore, succeeds, until } from './support.mjs'

const TIMEOUT_MS = 4000
/** Far from once, which may take a tenth longer, and from twice. */
const LESS_THAN_TWICE = 1.6

const hanging = () => new Promise(() => {})
/** Answers when most of the time is up. */
const slow = (answer, part = 0.6) => sleep(part * TIMEOUT_MS, answer)

const plain = { encrypt: (text) => `x${text}`, decrypt: (text) => text.slice(1) }

const previousOf = (methods) => ({
  get: (_sid, callback) => callback(null, null),
  destroy: (_sid, callback) => callback(),
  ...methods,
})

const stored = () => ({ cookie: new session.Cookie({ maxAge: 3_600_000 }), user: 'ada' })

async function walk(list) {
  let next
  do next = await list.next()
  while (!next.done)
}

/** Everything that can be called for one session, or for all. */
const EVERYTHING = {
  get: (store) => store.get('sid'),
  set: (store) => store.set('sid', newSession()),
  touch: (store) => store.touch('sid', newSession()),
  destroy: (store) => store.destroy('sid'),
  flagDeletion: (store) => store.flagDeletion('sid'),
  all: (store) => store.all(),
  length: (store) => store.length(),
  clear: (store) => store.clear(),
  cleanup: (store) => store.cleanup(),
  destroyMany: (store) => store.destroyMany({}),
  destroyByUser: (store) => store.destroyByUser('ada'),
  sessionsOf: (store) => store.sessionsOf('ada'),
  ids: (store) => store.ids(),
  entries: (store) => store.entries(),
  find: (store) => store.find({}),
  count: (store) => store.count({}),
  scan: (store) => walk(store.scan()),
  users: (store) => walk(store.users()),
  devices: (store) => store.devices('ada', { current: 'sid' }),
  revoke: (store) => store.revoke('ada', 'handle'),
  revokeOthers: (store) => store.revokeOthers('ada', 'sid'),
  update: (store) => store.update('sid', (session) => void (session.n = 1)),
  take: (store) => store.take('sid', 'n'),
  renew: (store) => {
    const request = { sessionID: 'sid', sessionStore: store }
    store.createSession(request, newSession())
    store.generate = (req) => void (req.sessionID = 'other')
    return store.renew(request)
  },
  ping: (store) => store.ping(),
}

/**
 * By what hangs: the options, what is there before, and what is called first. Of the call itself and of
 * what is called behind it, some end with an answer and others with an error, but all in time.
 */
const CASES = {
  'an encryption that hangs': {
    options: { cryptoAdapter: { ...plain, encrypt: hanging } },
    first: EVERYTHING.set,
  },
  'a decryption that hangs': {
    options: { cryptoAdapter: { ...plain, decrypt: hanging } },
    before: (store) => store.set('sid', newSession()),
    first: EVERYTHING.get,
  },
  'a previous store that hangs when it is asked': {
    options: { previousStore: previousOf({ get: () => {} }) },
    first: EVERYTHING.get,
  },
  'a previous store that hangs when it destroys': {
    options: { previousStore: previousOf({ destroy: () => {} }) },
    first: EVERYTHING.destroy,
  },
  'a previous store that hangs after a move': {
    options: {
      previousStore: previousOf({
        get: (_sid, callback) => callback(null, stored()),
        destroy: () => {},
      }),
    },
    first: EVERYTHING.get,
  },
  'a previous store that is slow at each look': {
    options: {
      previousStore: previousOf({
        get: async (_sid, callback) => callback(null, await slow(stored())),
      }),
    },
    first: EVERYTHING.get,
  },
  'a slow previous store and an encryption that hangs': {
    options: {
      cryptoAdapter: { ...plain, encrypt: hanging },
      previousStore: previousOf({
        get: async (_sid, callback) => callback(null, await slow(stored())),
      }),
    },
    first: EVERYTHING.get,
  },
  'a slow encryption and a slow decryption': {
    options: {
      cryptoAdapter: {
        encrypt: (text) => slow(plain.encrypt(text)),
        decrypt: (text) => slow(plain.decrypt(text)),
      },
    },
    before: (store) => store.set('sid', newSession()),
    first: async (store) => {
      await Promise.allSettled([store.get('sid'), store.set('sid', newSession())])
    },
  },
  'decryptions that are slow one after another': {
    options: { cryptoAdapter: { ...plain, decrypt: (text) => slow(plain.decrypt(text)) } },
    before: (store) =>
      Promise.all(Array.from({ length: 9 }, (_, n) => store.set(`sid-${n}`, newSession()))),
    first: EVERYTHING.all,
  },
  'a page that hangs behind one that is slow': {
    options: { cryptoAdapter: { ...plain, decrypt: slowThenHanging(101) } },
    before: (store) =>
      // One more than the first page has.
      Promise.all(Array.from({ length: 101 }, (_, n) => store.set(`sid-${n}`, newSession()))),
    first: EVERYTHING.all,
    others: {},
  },
}

/** Slow at first, and hanging from the call of this number on. */
function slowThenHanging(number) {
  let count = 0
  return (text) => {
    count++
    if (count === 1) return slow(plain.decrypt(text), 0.95)
    return count < number ? plain.decrypt(text) : hanging()
  }
}

/** Waits until so much time has passed in steps: what a machine stands still counts as one of them. */
async function passing(ms) {
  const STEP_MS = 50
  for (let passed = 0; passed < ms; passed += STEP_MS) await sleep(STEP_MS)
}

test('operationTimeout holds once', { concurrency: true }, async (t) => {
  const each = ([name, { options, before, first, others = EVERYTHING }]) =>
    t.test(`behind ${name}`, async (t) => {
      const store = openStore(t, {
        uri: 'memory:',
        userId: ({ user }) => user,
        device: true,
        deleteFlags: true,
        operationTimeout: TIMEOUT_MS,
        ...options,
      })
      // What is slow may be too slow on a machine that stands still.
      if (before) await until(() => succeeds(before(store)), 'what is there before')
      const open = new Set()
      const calls = { first, ...others }
      const ended = Object.entries(calls).map(async ([name, call]) => {
        open.add(name)
        await call(store).catch(({ code }) => assert.equal(code, 'ERR_STORE_TIMEOUT', name))
        open.delete(name)
      })
      await Promise.race([Promise.all(ended), passing(LESS_THAN_TWICE * TIMEOUT_MS)])
      assert.deepEqual([...open], [], 'these have not ended')
    })
  await Promise.all(Object.entries(CASES).map(each))
})
