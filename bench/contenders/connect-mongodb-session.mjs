// Has no `touch`: express-session then leaves the expiry of a session alone that was only read.
import session from 'express-session'
import { versionOf } from '../harness/version.mjs'

export default {
  name: 'connect-mongodb-session',
  version: versionOf('connect-mongodb-session'),
  role: 'peer',
  format: 'object',
  lacks: 'touch',

  async open(uri) {
    const { default: connect } = await import('connect-mongodb-session')
    const MongoDBStore = connect(session)
    const store = new MongoDBStore({ uri, collection: 'sessions' })
    store.on('error', (error) => console.error(error))
    await store.initialConnectionPromise
    return store
  },

  close: (store) => store.client.close(),
}
