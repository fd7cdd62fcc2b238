'use strict'

const { State } = require('./state.cjs')

/** How many states are told apart. More of them pile up only while saves do not come back. */
const MAX_STATES = 8

/** What a store knows of the document of a session that it has loaded or saved. */
class History {
  #states

  /**
   * `state` is what was loaded or saved last. `facts` are what the document says about it, as the
   * addon sends them: after its form, when it expires, when it was created, whose it is. They are
   * shared with the branches, and never changed but replaced.
   */
  constructor(store, sid, state, facts) {
    this.store = store
    this.sid = sid
    this.#states = [state]
    this.facts = facts
  }

  /** The same for another object that stands for the session, under its id there. */
  branch(sid) {
    return new History(this.store, sid, this.#states[0], this.facts)
  }

  get expires() {
    return this.facts?.[1]
  }

  get created() {
    return this.facts?.[2]
  }

  /** The states that the document may be in; undefined if they cannot be compared with. */
  get states() {
    return this.#states.every(({ isComparable }) => isComparable) ? this.#states : undefined
  }

  /** The texts and specials of these states, as the addon compares them with what is saved. */
  get bases() {
    return this.states?.flatMap(({ text, specials }) => [text, specials]) ?? []
  }

  /** Whether the session is this user's in whatever state it may be. */
  isOf(user) {
    return this.#states.every((state) => state.user === user)
  }

  /**
   * Takes note of a save that was sent no earlier than at `since`: until it has succeeded, and for good
   * if it has failed, both the state before and the state after it are possible, unless it was refused.
   */
  saving(call, state, since) {
    const states = this.#states
    if (states.length >= MAX_STATES) states.splice(0, states.length, anyOf(states))
    states.push(state)
    this.#forgetExpiry()
    call.onSuccess = () => {
      const index = states.indexOf(state)
      if (index > 0) states.splice(0, index)
      this.#wasCreated(since)
    }
    call.onRefused = () => {
      const index = states.indexOf(state)
      if (index > 0) states.splice(index, 1)
    }
  }

  /** Takes note of a touch that is about to be sent. */
  touching(call) {
    const since = Date.now()
    call.onSuccess = () => {
      this.#forgetExpiry()
      this.#wasCreated(since)
    }
    call.onFailure = () => this.#forgetExpiry()
  }

  /** A write moves it. What it is now, the addon has decided. */
  #forgetExpiry() {
    if (this.expires !== undefined) this.facts = this.facts.with(1, undefined)
  }

  /**
   * The document of a session from before the option says that it was created by this write. The moment
   * that counts here is not later than the one that is stored: the session must not outlive that.
   */
  #wasCreated(at) {
    if (Number.isNaN(this.created)) this.facts = this.facts.with(2, at)
  }
}

/** One state for several, of which nothing is known but whose session it is, if that is sure. */
function anyOf(states) {
  const [{ user }] = states
  const state = State.incomparable()
  state.user = states.every((other) => other.user === user) ? user : undefined
  return state
}

/** The history of a session that was read: its text as it is stored, if it can be compared with. */
function historyOf(store, sid, slots, at, isComparable) {
  const facts = slots[at + 4]
  const state = isComparable
    ? new State(slots[at], slots[at + 1], slots[at + 3])
    : State.incomparable()
  state.user = facts?.[3] ?? ''
  return new History(store, sid, state, facts)
}

module.exports = { History, historyOf }
