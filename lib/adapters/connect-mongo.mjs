// One implementation for both module systems, as in index.mjs.
import connectMongo from './connect-mongo.cjs'

export const { MongoStore, createKrupteinAdapter, createSecretAdapter, createWebCryptoAdapter } =
  connectMongo
export default MongoStore
