export default {
  title: 'destroy',
  consumes: true,
  makeOperation: ({ store }) => {
    return (sid, lane, done) => {
      store.destroy(sid, done)
    }
  },
  limit: { cycle: ['delete'] },
}
