// The second half of 'change' alone: the sessions were loaded before, once, what counts is saving.
export default {
  title: 'change one key of a loaded session and save',
  makeOperation: async ({ store, sids }) => {
    const load = (sid) =>
      new Promise((resolve, reject) => {
        store.get(sid, (error, data) => {
          if (error) return reject(error)
          resolve(store.createSession({ sessionID: sid, sessionStore: store }, data))
        })
      })
    const sessions = new Map()
    for (const sid of sids) sessions.set(sid, await load(sid))
    let count = 0
    return (sid, lane, done) => {
      const session = sessions.get(sid)
      session.views = ++count
      session.touch()
      store.set(sid, session, done)
    }
  },
  limit: { cycle: ['change'] },
}
