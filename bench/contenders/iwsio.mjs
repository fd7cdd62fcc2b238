import { once } from 'node:events'
import { versionOf } from '../harness/version.mjs'

export default {
  name: '@iwsio/mongodb-express-session',
  version: versionOf('@iwsio/mongodb-express-session'),
  role: 'peer',
  format: 'object',

  async open(uri) {
    const { MongoSessionStore } = await import('@iwsio/mongodb-express-session')
    const store = new MongoSessionStore({ uri })
    await once(store, 'info')
    return store
  },

  close: (store) => store.close(),
}
