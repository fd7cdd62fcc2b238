// With a new expiry every time, as express-session does it: the server skips a write that changes
// nothing.
import { WEEK_MS, makeSession } from '../harness/sessions.mjs'

export default {
  title: 'touch',
  needs: 'touch',
  makeOperation: ({ store, size, concurrency }) => {
    const sessions = Array.from({ length: concurrency }, () => makeSession(size))
    return (sid, lane, done) => {
      const session = sessions[lane]
      session.cookie.maxAge = WEEK_MS
      store.touch(sid, session, done)
    }
  },
  limit: { cycle: ['touch'] },
}
