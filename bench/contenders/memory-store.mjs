// express-session's own store: sessions as JSON text in an object of this process, no database.
import session from 'express-session'
import { versionOf } from '../harness/version.mjs'

export default {
  name: 'MemoryStore',
  version: `express-session ${versionOf('express-session')}`,
  role: 'reference',
  open: async () => new session.MemoryStore(),
  close: () => {},
}
