'use strict'
// A session on its way back: from JSON text and the list of what JSON cannot carry.

const { isObject } = require('./session.cjs')
const { fromSpecial } = require('./special-values.cjs')

/** The session for what the addon has read. */
function decode(text, specials, cookieExpires) {
  const session = JSON.parse(text)
  if (cookieExpires !== undefined) session.cookie.expires = new Date(cookieExpires)
  if (specials !== undefined) {
    const list = JSON.parse(specials)
    const holders = [session]
    for (let index = 0; index < list.length; index += 5) {
      const path = list[index + 2]
      const holder = follow(holders, path)
      const key = path.at(-1)
      // Of equal keys, which a stored document may have, JSON.parse keeps the last one's value.
      if (own(holder, key) === null) holder[key] = fromSpecial(list[index + 3], list[index + 4])
    }
  }
  return session
}

/**
 * What holds the value at the end of a path. `holders` are those on the path before, from the session
 * on; the first number of a path says how many steps of them it shares.
 */
function follow(holders, path) {
  holders.length = path[0] + 1
  for (let index = 1; index < path.length - 1; index++) {
    holders.push(own(holders.at(-1), path[index]))
  }
  return holders.at(-1)
}

/** What an object holds itself under a key, be it `__proto__`. */
function own(holder, key) {
  return isObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined
}

module.exports = { decode }
