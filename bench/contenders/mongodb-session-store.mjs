// This package: the repository's root, or the folder that BENCH_PACKAGE names.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageFolder } from '../harness/package-folder.mjs'
import { versionIn } from '../harness/version.mjs'

/** The package in a folder. */
export function contenderIn(folder) {
  return {
    name: 'mongodb-session-store',
    version: versionIn(folder),
    role: 'subject',
    format: 'object',

    async open(uri, options) {
      const { MongoSessionStore } = await import(pathToFileURL(join(folder, 'index.mjs')))
      const store = new MongoSessionStore({ uri, ...options })
      store.on('error', (error) => console.error(error))
      await store.get('no such session')
      return store
    },

    close: (store) => store.close(),
  }
}

export default contenderIn(packageFolder)
