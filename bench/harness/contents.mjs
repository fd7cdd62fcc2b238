// What real sessions hold that JSON cannot carry, or hold in another order than express-session's own.
import { ObjectId } from 'mongodb'

const SEEN_AT = 1_700_000_000_000

const CONTENTS = [
  (made) => ({ ...made, signedInAt: new Date(SEEN_AT) }),
  (made) => ({ ...made, userId: new ObjectId('507f1f77bcf86cd799439011') }),
  (made) => ({ ...made, token: Buffer.from('0123456789abcdef') }),
  ({ cookie, ...rest }) => ({ ...rest, cookie }),
  (made) => ({ ...made, user: { ...made.user, verifiedAt: new Date(SEEN_AT) } }),
]

/** The same session with one of these contents, in turn. */
export function withContents(made, turn) {
  return CONTENTS[turn % CONTENTS.length](made)
}

/** The id of the session with contents beside a plain one of the same size. */
export const beside = (sid) => `${sid}.contents`
