// The mixed operations at their own moments, while a transaction of somebody else holds some sessions that
// are to be saved, too. What these take is not counted: they wait for its end in every store.
import { MongoClient } from 'mongodb'
import { makeSession } from '../harness/sessions.mjs'
import mixed from './mixed.mjs'

export default {
  title: 'a session that is held by a transaction: the mixed operations of others',
  needs: 'touch',
  hasTransactions: true,
  makeOperation: ({ store, sids, ...rest }) => {
    const operation = mixed.makeOperation({ store, sids, ...rest })
    return (sid, lane, done) => operation(sid, lane, done)
  },

  async during({ store, uri, sids, size, held }, run) {
    const client = await MongoClient.connect(uri)
    const session = client.startSession()
    try {
      session.startTransaction()
      const _id = { $in: sids.slice(0, held) }
      const sessions = client.db().collection('sessions')
      await sessions.updateMany({ _id }, { $set: { held: true } }, { session })
      const waiting = sids.slice(0, held).map((sid) => saved(store, sid, makeSession(size)))
      const figures = await run(sids.slice(held))
      await session.abortTransaction()
      await Promise.all(waiting)
      return figures
    } finally {
      await session.endSession()
      await client.close()
    }
  },
}

/** It may have been given up meanwhile. */
function saved(store, sid, made) {
  return new Promise((resolve) => store.set(sid, made, resolve))
}
