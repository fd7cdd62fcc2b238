// One implementation for both module systems: CommonJS, which Node 20 loads from either.
import store from './lib/store/store.cjs'

export const { MongoSessionStore, MongoSessionStoreError } = store
export default MongoSessionStore
