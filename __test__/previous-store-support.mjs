// What the tests of the option `previousStore` share: a store of which a test can put itself in the way.
import session from 'express-session'

/** A store of express-session with a session in it, of which a test can put itself in the way. */
export class Previous extends session.MemoryStore {
  constructor(data = { user: 'ada' }) {
    super()
    const cookie = new session.Cookie({ maxAge: 60_000 })
    this.sessions.sid = JSON.stringify({ cookie, ...data })
  }

  get has() {
    return 'sid' in this.sessions
  }

  /** Holds the next call of a method: before it begins, or its answer, until `release` is called. */
  hold(method, { answer: holdsAnswer = false } = {}) {
    const original = Object.getPrototypeOf(this)[method]
    let called
    let release
    const isCalled = new Promise((resolve) => (called = resolve))
    const released = new Promise((resolve) => (release = resolve))
    this[method] = (sid, callback) => {
      delete this[method]
      const begin = (callback) => original.call(this, sid, callback)
      if (holdsAnswer) begin((...args) => (called(), released.then(() => callback(...args))))
      else (called(), released.then(() => begin(callback)))
    }
    return { isCalled, release }
  }
}
