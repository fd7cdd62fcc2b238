// As 'change', of sessions that hold a Date, an ObjectId or a Buffer, or whose cookie is not the first key.
import { beside, withContents } from '../harness/contents.mjs'
import { makeSession } from '../harness/sessions.mjs'

import change from './change.mjs'

export default {
  title:
    'load a session with a Date, an ObjectId, a Buffer or the cookie last, change one key, save',
  makeOperation: async ({ store, sids, size, ...context }) => {
    const save = (sid, turn) =>
      new Promise((resolve, reject) => {
        store.set(beside(sid), withContents(makeSession(size), turn), (error) =>
          error ? reject(error) : resolve(),
        )
      })
    await Promise.all(sids.map(save))
    const operation = change.makeOperation({ store, sids, size, ...context })
    return (sid, lane, done) => operation(beside(sid), lane, done)
  },
  limit: { cycle: ['find', 'change'] },
}
