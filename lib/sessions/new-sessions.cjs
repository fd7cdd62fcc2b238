'use strict'
// Sessions that were generated here and whose first save has not been answered.

const { LoadedState } = require('./loaded-state.cjs')
const { remember } = require('./remembered.cjs')

/**
 * Sessions whose first save has not been answered. Until one has succeeded, later saves have to create the
 * document, too: nothing else would, if the first one failed. Not so after a destroy, which was called to
 * end the session, whether the first save has succeeded or not.
 */
class NewSessions {
  #bySid = new Map()

  /** Takes note of a save that creates the document. */
  saving(call, store, state, since, cookie) {
    const { sid, session } = call
    let entry = this.#bySid.get(sid)
    if (entry?.session !== session) {
      entry = { session, loaded: new LoadedState(store, sid), saves: 0 }
      this.#bySid.set(sid, entry)
    }
    const { loaded } = entry
    loaded.saving(call, state, since, cookie)
    entry.saves++
    const end = () => {
      if (--entry.saves === 0 && this.#bySid.get(sid) === entry) this.#bySid.delete(sid)
    }
    const { onSuccess } = call
    call.onSuccess = () => {
      onSuccess()
      remember(session, loaded)
      end()
    }
    call.onFailure = end
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
