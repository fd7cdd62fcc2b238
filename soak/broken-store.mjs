// The module of a soak whose store is broken in the way that the environment names.
import { MongoSessionStore as Store } from '../index.mjs'
import { BREAKS } from './broken-stores.mjs'

export const MongoSessionStore = BREAKS[process.env.SOAK_BREAK].broken(Store)
