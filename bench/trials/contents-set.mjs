// As 'set', of sessions that hold a Date, an ObjectId or a Buffer, or whose cookie is not the first key. What
// they cost more than plain ones is the ratio to 'set' in the same run.
import { beside, withContents } from '../harness/contents.mjs'
import { makeSession } from '../harness/sessions.mjs'

import set from './set.mjs'

export default {
  title: 'set, of sessions with a Date, an ObjectId, a Buffer or the cookie last',
  makeOperation: (context) => {
    const make = (size, lane) => withContents(makeSession(size, lane), lane)
    const operation = set.makeOperation({ ...context, make })
    return (sid, lane, done) => operation(beside(sid), lane, done)
  },
  limit: { cycle: ['set'] },
}
