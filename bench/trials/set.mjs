// Saves whole sessions with a changed content.
import { WEEK_MS, makeSession } from '../harness/sessions.mjs'

export default {
  title: 'set',
  makeOperation: ({ store, size, concurrency, make = makeSession }) => {
    const sessions = Array.from({ length: concurrency }, (_, lane) => make(size, lane))
    let count = 0
    return (sid, lane, done) => {
      const session = sessions[lane]
      session.cookie.maxAge = WEEK_MS
      session.views = ++count
      session.lastPath = `/articles/${count % 1000}`
      store.set(sid, session, done)
    }
  },
  limit: { cycle: ['set'] },
}
