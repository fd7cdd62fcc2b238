// What a session may be, told by the writes to it alone. Pure.
//
// A state is `null` for a session that is not there, else `{ expires, cookie, data }`: the moments
// of the document and of its cookie, in milliseconds, and the keys beside the cookie. A write is
// `{ verb: 'create', expires, data }`, `{ verb: 'merge', expires, set, unset }`,
// `{ verb: 'touch', expires }` or `{ verb: 'destroy' }`.

/** How long a write without an answer may still take effect, in milliseconds. */
const GHOST_MS = 60_000

/** The state that a write makes of another. */
export function effect(write, state) {
  switch (write.verb) {
    case 'create':
      return { expires: write.expires, cookie: write.expires, data: write.data }
    case 'destroy':
      return null
    case 'touch':
      return state && { ...state, expires: write.expires }
    case 'merge': {
      if (state === null) return null
      const data = { ...state.data, ...write.set }
      for (const key of write.unset) delete data[key]
      return { expires: write.expires, cookie: write.expires, data }
    }
  }
}

/** What `get` shows of a state, as a text that is the same for the same content. */
export function shown(state) {
  if (state === null) return 'nothing'
  const expires = Math.max(state.expires, state.cookie)
  return JSON.stringify([expires, Object.entries(state.data).sort()])
}

/**
 * A session with one writer. The outcome of a write that failed is not known: it may have taken
 * effect, or do so at any later moment, as long as no later write has been acknowledged. One that
 * takes effect after a later one was acknowledged has overtaken it, and undone it.
 */
export class Model {
  states = [null]
  /** Writes without an answer: `{ write, at, isOver }`, the last being whether a later one is in. */
  ghosts = []
  #isLagging

  /**
   * With `isLagging` a read may show again what was there before a write without an answer, though one
   * before it has shown that: it is answered by another member, which is behind.
   */
  constructor({ isLagging = false } = {}) {
    this.#isLagging = isLagging
  }

  acknowledged(write, now = Date.now()) {
    this.states = distinct(this.#reachable(false).map((state) => effect(write, state)))
    this.ghosts = this.ghosts.filter((ghost) => now - ghost.at < GHOST_MS)
    for (const ghost of this.ghosts) ghost.isOver = true
  }

  failed(write, now = Date.now()) {
    this.ghosts.push({ write, at: now, isOver: false })
  }

  /**
   * Judges what was found: `undefined` if it may be, `'late'` if a write without an answer has
   * overtaken an acknowledged one, else `'wrong'`. From then on, the session is what was found.
   */
  found(text) {
    for (const [includesOver, verdict] of [
      [false, undefined],
      [true, 'late'],
    ]) {
      const matching = this.#reachable(includesOver).filter((state) => shown(state) === text)
      if (matching.length > 0) {
        const mayGoBack = this.#isLagging && this.ghosts.length > 0
        this.states = mayGoBack ? distinct([...matching, ...this.states]) : matching
        return verdict
      }
    }
    return 'wrong'
  }

  /** Whether some write without an answer could still create the session. */
  get mayAppear() {
    return this.ghosts.some(({ write }) => write.verb === 'create')
  }

  toString() {
    const ghosts = this.ghosts.map(({ write, isOver }) => `${isOver ? 'late ' : ''}${text(write)}`)
    return `expected ${this.states.map(shown).join(' or ')}; without an answer: ${ghosts.join() || 'none'}`
  }

  /** The states that writes without an answer can make, in any order and repeated by a retry. */
  #reachable(includesOver) {
    const ghosts = this.ghosts.filter(({ isOver }) => includesOver || !isOver)
    let states = this.states
    for (;;) {
      const more = distinct([
        ...states,
        ...ghosts.flatMap(({ write }) => states.map((state) => effect(write, state))),
      ])
      if (more.length === states.length) return states
      states = more
    }
  }
}

function distinct(states) {
  return [...new Map(states.map((state) => [JSON.stringify(state), state])).values()]
}

function text(write) {
  return JSON.stringify(write)
}
