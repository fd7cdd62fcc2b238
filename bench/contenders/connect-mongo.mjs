// connect-mongo in its two formats: sessions as JSON text, its default, or as documents.
import { versionOf } from '../harness/version.mjs'

export function connectMongo({ format }) {
  const stringify = format === 'string'
  return {
    name: `connect-mongo-${format}`,
    version: `${versionOf('connect-mongo')}, stringify: ${stringify}`,
    role: 'peer',
    format,

    async open(uri) {
      const { MongoStore } = await import('connect-mongo')
      const store = MongoStore.create({ mongoUrl: uri, stringify })
      await store.collectionP
      return store
    },

    close: (store) => store.close(),
  }
}
