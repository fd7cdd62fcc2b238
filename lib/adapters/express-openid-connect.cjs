'use strict'
// A store for express-openid-connect, which keeps `{ header, data, cookie }`. It hands over the very object `data`
// that it was given of a session, which its requests have changed: by that it is known what was read. The keys
// that matter are those of `data`, one level below those of which the store writes single ones.

const { nextTick } = require('../native/timers.cjs')
const { encode } = require('../sessions/encode.cjs')
const { put } = require('../sessions/encoder.cjs')
const { isData } = require('../sessions/session.cjs')
const { tell } = require('../store/events.cjs')
const { checkStore, requestSession, withFields } = require('./request-session.cjs')

/** The options of a store with which log-outs at the provider would go unnoticed. */
const EXCLUDED = {
  deleteFlags: 'with which the second log-out of a user by backchannelLogout is not noticed',
}

/** What express-openid-connect takes as `session.store`, and as `backchannelLogout.store`. */
function openidStore(store) {
  checkStore('openidStore', store, EXCLUDED)
  /** By its `data`, a session as the store takes it, its id, and what each key of `data` holds in the store. */
  const sessions = new WeakMap()

  async function read(sid) {
    const session = await store.get(sid)
    const data = session?.data
    if (isData(data)) {
      const held = withFields(requestSession(session), session)
      sessions.set(data, { sid, session: held, stored: statesOf(data) })
    }
    return session
  }

  async function save(sid, payload) {
    const { data } = payload
    // An entry of a log-out at the provider: nothing was read of it.
    if (!isData(data)) return store.set(sid, payload)
    const stored = statesOf(data)
    if (sessions.get(data)?.sid !== sid) {
      sessions.set(data, { sid, session: requestSession(), stored })
    }
    const held = sessions.get(data)
    const changed = changedKeys(held.stored, stored)
    withFields(held.session, payload)
    if (changed.length === 0 && !held.isBehind) return store.set(sid, held.session)
    const merged = await store.update(sid, (session) => merge(session, payload, changed))
    if (merged === null) return tell(store, 'discard', sid)
    // What the store knows of this object is from before.
    Object.assign(held, { stored, isBehind: true })
    // An update leaves the expiry where it is.
    return store.touch(sid, held.session)
  }

  return {
    get(sid, callback) {
      answer(read(sid), callback)
    },
    set(sid, payload, callback) {
      answer(save(sid, payload), callback)
    },
    destroy(sid, callback) {
      answer(store.destroy(sid), callback)
    },
  }
}

/** Gives a session what a request has changed of it, by keys of its data. */
function merge(session, { header, data }, changed) {
  session.header = header
  if (!isData(session.data)) session.data = {}
  for (const key of changed) {
    if (Object.hasOwn(data, key)) put(session.data, key, data[key])
    else delete session.data[key]
  }
}

/** Each key of an object with the value that it has now, as it would be stored. */
function statesOf(data) {
  return new Map(Object.keys(data).map((key) => [key, encode({ value: data[key] })]))
}

function changedKeys(before, after) {
  const keys = [...new Set([...before.keys(), ...after.keys()])]
  const isSame = (one, other) => one?.text === other?.text && one?.specials === other?.specials
  return keys.filter((key) => !isSame(before.get(key), after.get(key)))
}

/** Tells a callback of an outcome, on a stack of its own. */
function answer(promise, callback = () => {}) {
  promise.then(
    (value) => nextTick(callback, null, value),
    (error) => nextTick(callback, error),
  )
}

module.exports = { openidStore }
