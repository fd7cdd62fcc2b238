'use strict'

/** What a store knows of the document of a session that it has loaded or saved. */
class History {
  #states

  /**
   * `state` is what was loaded or saved last; undefined if only a whole session can be written.
   * `facts` are the moments of the document, where they are needed: `expires` and `created`.
   */
  constructor(store, sid, state, facts) {
    this.store = store
    this.sid = sid
    this.state = state
    this.#states = state === undefined ? undefined : [state]
    this.expires = facts?.[1]
    this.created = facts?.[2]
  }

  /** The same for another object that stands for the session. */
  branch(sid) {
    return new History(this.store, sid, this.state, [undefined, this.expires, this.created])
  }

  /** The states that the document may be in, or undefined if there is nothing to compare with. */
  get states() {
    return this.#states
  }

  /** The texts and specials of these states, as the addon compares them with what is saved. */
  get bases() {
    return this.#states?.flatMap(({ text, specials }) => [text, specials]) ?? []
  }

  /**
   * Takes note of a save: until it has succeeded, and for good if it has failed, both the state before
   * and the state after it are possible, unless it was refused.
   */
  saving(call, state) {
    if (state === undefined) return
    if (this.#states === undefined) {
      call.onSuccess = () => {
        this.#states = [state]
      }
      return
    }
    const states = this.#states
    states.push(state)
    call.onSuccess = () => {
      const index = states.indexOf(state)
      if (index > 0) states.splice(0, index)
    }
    call.onRefused = () => {
      const index = states.indexOf(state)
      if (index > 0) states.splice(index, 1)
    }
  }
}

module.exports = { History }
