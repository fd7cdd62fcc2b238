// A store that loses changes, as those do that write whole sessions: what a soak has to find.
import { MongoSessionStore as Store } from '../index.mjs'

export class MongoSessionStore extends Store {
  constructor(options) {
    super({ ...options, save: 'replace' })
  }
}
