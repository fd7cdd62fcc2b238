'use strict'
// Secondary storage for better-auth: texts by their keys. The sessions are among them, under their tokens.

const { invalid } = require('../error.cjs')
const { checkStore } = require('./request-session.cjs')

/** Longer than anybody waits, in milliseconds: for what better-auth gives no lifetime. */
const FOREVER_MS = 1e15

const TOO_LATE = 'by which verifications and counters would live for longer than better-auth says'
const TOO_EARLY =
  'by which texts would go that better-auth still needs: it has an option session.expiresIn'

/** The options of a store that would have better-auth find other texts than it has stored. */
const EXCLUDED = {
  deleteFlags: 'with which no key that was deleted once is stored again',
  touchOnGet: TOO_LATE,
  absoluteTimeout: TOO_EARLY,
  assurance: TOO_EARLY,
}

/** What better-auth takes as its option `secondaryStorage`. */
function secondaryStorage(store) {
  checkStore('secondaryStorage', store, EXCLUDED)
  if (typeof store.ttl === 'function') {
    throw invalid(
      `secondaryStorage takes no store with a function as the option 'ttl', ${TOO_LATE}`,
    )
  }
  /** By the key of a counter, the end of what was called for it last. */
  const turns = new Map()

  function write(key, value, ttl) {
    return store.set(key, { value }, ttl === undefined ? FOREVER_MS : ttl * 1000)
  }

  async function get(key) {
    return (await store.get(key))?.value ?? null
  }

  async function increment(key, ttl) {
    let value
    const session = await store.update(key, (session) => {
      value = (Number(session.value) || 0) + 1
      session.value = String(value)
    })
    if (session !== null) return value
    await write(key, '1', ttl)
    return 1
  }

  return {
    get,

    async set(key, value, ttl) {
      await write(key, value, ttl)
    },

    async delete(key) {
      // A token is never given to another session: what comes late for it must not bring it back.
      if (isOfSession(key, await get(key))) await store.flagDeletion(key)
      else await store.destroy(key)
    },

    async getAndDelete(key) {
      return (await store.take(key, 'value')) ?? null
    },

    async increment(key, ttl) {
      // Of two that find no counter, the second one would begin anew.
      const turn = (turns.get(key) ?? Promise.resolve()).then(() => increment(key, ttl))
      const end = turn.catch(() => {})
      turns.set(key, end)
      try {
        return await turn
      } finally {
        if (turns.get(key) === end) turns.delete(key)
      }
    },
  }
}

/** Whether a text is that of the session with this token. */
function isOfSession(token, text) {
  try {
    return JSON.parse(text)?.session?.token === token
  } catch {
    return false
  }
}

module.exports = { secondaryStorage }
