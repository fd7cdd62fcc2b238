'use strict'
// What a store knows of the document of a session since it has loaded or saved it.

const { differs } = require('./cookie.cjs')
const { passInt64s } = require('./int64s.cjs')
const { StoredState } = require('./stored-state.cjs')

/** How many states are told apart, if fewer can stand for them. More pile up only while saves fail. */
const MAX_STATES = 8

/** What a store knows of the document of a session that it has loaded or saved. */
class LoadedState {
  /** Whether what happens to the session is no use of it. */
  isPassive = false
  #states
  /** The cookie as it was loaded or saved last, in an object of its own. */
  #cookie

  /**
   * `collection` says which stores have the session under this id. `state` is what was loaded or saved last, if
   * there is anything. `metadata` are what the document says about it, as the addon sends them: after its
   * encoding, when it expires, when it was created, whose it is. They are shared with the branches, and never
   * changed but replaced.
   */
  constructor(collection, sid, state, metadata, cookie) {
    this.collection = collection
    this.sid = sid
    this.#states = state === undefined ? [] : [state]
    this.metadata = metadata
    this.#cookie = cookie
  }

  /** The same for another object that stands for the session. */
  branch() {
    const branch = new LoadedState(
      this.collection,
      this.sid,
      this.#states[0],
      this.metadata,
      this.#cookie,
    )
    passInt64s(this, branch)
    return branch
  }

  /** The same for the session under a new id. */
  renewed(sid) {
    const renewed = this.branch()
    renewed.sid = sid
    renewed.isPassive = this.isPassive
    renewed.#states = this.#states
    return renewed
  }

  get expires() {
    return this.metadata?.[1]
  }

  get created() {
    return this.metadata?.[2]
  }

  /** The states that the document may be in; undefined if they cannot be compared with. */
  get states() {
    const states = this.#states
    const areKnown = states.length > 0 && states.every(({ isComparable }) => isComparable)
    return areKnown ? states : undefined
  }

  /** The texts and specials of these states, as the addon compares them with what is saved. */
  get bases() {
    return this.states?.flatMap(({ text, specials }) => [text, specials]) ?? []
  }

  /** What was loaded or saved last. */
  get stored() {
    return this.#states[0]
  }

  /** Whether a session has another cookie than it had when it was loaded or saved last. */
  changesCookie(session) {
    return differs(this.#cookie, session.cookie)
  }

  /** Whose session the document said it is; undefined if nothing is known of it. */
  get user() {
    return this.#states[0]?.user
  }

  /** The values by which the document said it is found, as text and specials; undefined likewise. */
  get indexes() {
    return this.#states[0]?.indexes
  }

  /** Whether the document is known to have a public name for the session. */
  get hasHandle() {
    return this.#states[0]?.hasHandle
  }

  /**
   * Takes note of a save that was sent no earlier than at `since`: until it has succeeded, and for good
   * if it has failed, both the state before and the state after it are possible, unless it was refused.
   * `cookie` is what becomes of that.
   */
  saving(call, state, since, cookie) {
    const states = this.#states
    if (states.length >= MAX_STATES) states.splice(0, states.length, ...fewer(states))
    states.push(state)
    this.#forgetExpiry()
    call.onSuccess = () => {
      const index = states.indexOf(state)
      if (index > 0) states.splice(0, index)
      this.#cookie = cookie
      this.#wasCreated(since)
    }
    call.onRefused = () => {
      const index = states.indexOf(state)
      if (index >= 0) states.splice(index, 1)
    }
  }

  /** Takes note of a touch that is about to be sent, perhaps with a cookie that has changed. */
  touching(call, cookie) {
    const since = Date.now()
    call.onSuccess = () => {
      if (cookie !== undefined) this.#cookie = cookie
      this.#forgetExpiry()
      this.#wasCreated(since)
    }
    call.onFailure = () => this.#forgetExpiry()
  }

  /** A write moves it. What it is now, the addon has decided. */
  #forgetExpiry() {
    if (this.expires !== undefined) this.metadata = this.metadata.with(1, undefined)
  }

  /**
   * The document of a session from before the option says that it was created by this write. The moment
   * that counts here is not later than the one that is stored: the session must not outlive that.
   */
  #wasCreated(at) {
    if (Number.isNaN(this.created)) this.metadata = this.metadata.with(2, at)
  }
}

/**
 * Fewer states that say the same as these. What is saved is written where it differs from any of them, so
 * two do: one with every field that there may be, and one with only those that are the same in all of them.
 * A save is never compared with less than is known, or it would undo what others have changed: where special
 * values are not told apart by field, all states stay, as many as there were saves without success.
 */
function fewer(states) {
  const [{ user, hasHandle, indexes }] = states
  const alike = (state) => Object.assign(state, { user, hasHandle, indexes })
  if (!states.every(({ isComparable }) => isComparable)) return [alike(StoredState.incomparable())]
  if (!states.every(({ isPlain }) => isPlain)) return states
  const known = states.map((state) => state.normalFields)
  const all = new Map(known.flatMap((fields) => [...fields]))
  const same = [...all].filter(([key, text]) => known.every((fields) => fields.get(key) === text))
  return [all, new Map(same)].map((fields) => alike(StoredState.ofFields(fields)))
}

/**
 * The loaded state of a session that was read: its text as it is stored, if it can be compared with, and its
 * cookie. express-session puts another one in its place, so that this one stays as it is.
 */
function loadedStateOf(collection, sid, slots, at, isComparable, cookie) {
  const metadata = slots[at + 4]
  const state = new StoredState(slots[at], slots[at + 1], slots[at + 3])
  state.isComparable = isComparable
  state.user = metadata?.[3] ?? ''
  state.hasHandle = metadata?.[4] !== undefined
  if (metadata?.[6] !== undefined) state.indexes = { text: metadata[6], specials: metadata[7] }
  return new LoadedState(collection, sid, state, metadata, cookie)
}

module.exports = { LoadedState, loadedStateOf }
