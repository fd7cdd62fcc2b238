'use strict'
// Who is logged in: the users who have live sessions, page by page.

const { unfit } = require('../error.cjs')
const { checkLimit, optionsOf } = require('./place.cjs')
const { textOf } = require('./users.cjs')

/** How many slots a user takes: who it is, how many sessions, when the last of them expires and was used. */
const USER_SLOTS = 4

/** The users of a page, and behind whom the next one begins. */
function readUsers(slots, next) {
  const users = []
  for (let at = 0; at < slots.length; at += USER_SLOTS) {
    const [user, sessions, expires, seen] = slots.slice(at, at + USER_SLOTS)
    users.push({ user, sessions, expires: dateOf(expires), lastSeenAt: dateOf(seen) })
  }
  return { users, next }
}

/** The users one by one. `readPage` promises the page that begins behind a user. */
async function* walkUsers(options, readPage) {
  const { after, limit = Infinity } = optionsOf('users', options, ['after', 'limit'])
  if (limit !== Infinity) checkLimit('users', limit)
  let behind = after === undefined ? '' : textOf(after)
  if (behind === undefined) throw unfit('users', "option 'after'", 'a user', after)
  let left = limit
  while (behind !== undefined) {
    const { users, next } = await readPage(behind)
    for (const user of users) {
      yield user
      if (--left === 0) return
    }
    behind = next
  }
}

/** A moment, or null. */
function dateOf(at) {
  return at === undefined ? null : new Date(at)
}

module.exports = { readUsers, walkUsers }
