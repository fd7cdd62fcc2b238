export default {
  title: 'get',
  makeOperation: ({ store }) => {
    return (sid, lane, done) => {
      store.get(sid, (error, session) => done(error ?? (session ? null : missing())))
    }
  },
  limit: { cycle: ['find'] },
}

function missing() {
  return new Error('a session is missing')
}
