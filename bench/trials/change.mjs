// One request that changes one key, as express-session does it: load the session, make a Session
// of it, change the key, renew the expiry, save.
export default {
  title: 'load a session, change one key, save',
  makeOperation: ({ store }) => {
    let count = 0
    return (sid, lane, done) => {
      store.get(sid, (error, data) => {
        if (error) return done(error)
        const session = store.createSession({ sessionID: sid, sessionStore: store }, data)
        session.views = ++count
        session.touch()
        store.set(sid, session, done)
      })
    }
  },
  limit: { cycle: ['find', 'change'] },
}
