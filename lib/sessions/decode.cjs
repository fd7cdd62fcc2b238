'use strict'
// A session on its way back: from JSON text and the list of what JSON cannot carry.

const { moveExpires } = require('./cookie.cjs')
const { keepInt64 } = require('./int64s.cjs')
const { parse } = require('./parse.cjs')
const { isObject } = require('./session.cjs')
const { fromSpecial } = require('./special-values.cjs')

/** The session for what the addon has read. `bson` has the package of the application. */
function decode(text, specials, cookieExpires, bson) {
  const session = parse(text)
  const hasCookie = session.cookie !== undefined
  if (cookieExpires !== undefined && hasCookie) moveExpires(session.cookie, cookieExpires)
  if (specials !== undefined) {
    const list = JSON.parse(specials)
    const holders = [session]
    const keys = []
    for (let index = 0; index < list.length; index += 5) {
      const path = list[index + 2]
      const holder = follow(holders, keys, path)
      const key = path.at(-1)
      if (own(holder, key) !== null) continue
      const [type, payload] = [list[index + 3], list[index + 4]]
      const value = fromSpecial(type, payload, bson)
      holder[key] = value
      if (type === 'int64' && typeof value === 'number') {
        keepInt64(session, [...keys, key], value, payload)
      }
    }
  }
  return session
}

/**
 * What holds the value at the end of a path. `holders` and `keys` are those on the path before, from the
 * session on; the first number of a path says how many steps of them it shares.
 */
function follow(holders, keys, path) {
  holders.length = path[0] + 1
  keys.length = path[0]
  for (let index = 1; index < path.length - 1; index++) {
    holders.push(own(holders.at(-1), path[index]))
    keys.push(path[index])
  }
  return holders.at(-1)
}

/** What an object holds itself under a key, be it `__proto__`. */
function own(holder, key) {
  return isObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined
}

module.exports = { decode }
