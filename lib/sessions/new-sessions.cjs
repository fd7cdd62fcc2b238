'use strict'
// Sessions that were generated here and whose first save has not been answered.

const { LoadedState } = require('./loaded-state.cjs')
const { remember } = require('./remembered.cjs')

/**
 * Sessions whose first save has not been answered. Later saves wait until it has, since it decides what they
 * are: once the document may have been there, it has ended if it is missing, and only if it is known that
 * nothing was written does the next save create it. Not so after a destroy, which was called to end the
 * session, whether the first save has succeeded or not.
 */
class NewSessions {
  #bySid = new Map()

  /** Whether a save of this session under this id has to wait. */
  has(sid, session) {
    return this.#bySid.get(sid)?.session === session
  }

  /** A promise that is kept when no save that creates this session waits for its answer. */
  async settled(sid, session) {
    while (this.has(sid, session)) await this.#bySid.get(sid).end
  }

  /** Takes note of a save that creates the document. */
  saving(call, collection, state, since, cookie) {
    const { sid, session } = call
    const loaded = new LoadedState(collection, sid)
    loaded.saving(call, state, since, cookie)
    const entry = { session, loaded }
    this.#bySid.set(sid, entry)
    entry.end = new Promise((resolve) => {
      const { onSuccess } = call
      const end = () => {
        if (this.#bySid.get(sid) === entry) this.#bySid.delete(sid)
        resolve()
      }
      call.onSuccess = () => {
        onSuccess()
        remember(session, loaded)
        end()
      }
      call.onFailure = (mayBeStored) => {
        if (mayBeStored) remember(session, loaded)
        end()
      }
    })
  }

  /** Takes note that a session is destroyed: what is saved later is a save of one that was there. */
  destroying(sid) {
    const entry = this.#bySid.get(sid)
    if (entry !== undefined) remember(entry.session, entry.loaded)
  }

  /** The same for all sessions. */
  destroyingAll() {
    for (const sid of this.#bySid.keys()) this.destroying(sid)
  }
}

module.exports = { NewSessions }
