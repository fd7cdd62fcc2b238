export default {
  title: 'destroy',
  makeOperation: ({ store }) => {
    return (sid, lane, done) => {
      store.destroy(sid, done)
    }
  },
  limit: { cycle: ['delete'] },
}
