// All checks by their group, in the order in which they run: the simple ones first.
import { callbacks } from './callbacks.mjs'
import { contexts } from './contexts.mjs'
import { differences } from './differences.mjs'
import { encryption } from './encryption.mjs'
import { errors } from './errors.mjs'
import { events } from './events.mjs'
import { exits } from './exits.mjs'
import { express } from './express.mjs'
import { values } from './values.mjs'
import { verbs } from './verbs.mjs'
import { workers } from './workers.mjs'

/** By the title of a group, its checks: by the title of a check, a function of what `newWorld` answers. */
export const GROUPS = {
  Verbs: verbs,
  Values: values,
  Callbacks: callbacks,
  Errors: errors,
  Events: events,
  'Async context': contexts,
  'Saves of differences': differences,
  Encryption: encryption,
  Express: express,
  Workers: workers,
  Exits: exits,
}
