// As 'set', of sessions that hold a Date, an ObjectId or a Buffer, or whose cookie is not the first key. What
// they cost more than plain ones is the ratio to 'set' in the same run.
import { beside, withContents } from '../harness/contents.mjs'
import { WEEK_MS, makeSession } from '../harness/sessions.mjs'

export default {
  title: 'set, of sessions with a Date, an ObjectId, a Buffer or the cookie last',
  makeOperation: ({ store, size, concurrency }) => {
    const sessions = Array.from({ length: concurrency }, (_, lane) =>
      withContents(makeSession(size, lane), lane),
    )
    let count = 0
    return (sid, lane, done) => {
      const session = sessions[lane]
      session.cookie.maxAge = WEEK_MS
      session.views = ++count
      session.lastPath = `/articles/${count % 1000}`
      store.set(beside(sid), session, done)
    }
  },
  limit: { cycle: ['set'] },
}
