// Sessions as an application has them, and their ids.
import { createHash } from 'node:crypto'
import session from 'express-session'

export const WEEK_MS = 7 * 24 * 60 * 60 * 1000

const LOREM = 'lorem ipsum dolor sit amet '

/** An id as long as those that express-session makes, always the same for the same name. */
export function sidOf(name) {
  return createHash('sha256').update(name).digest('base64url').slice(0, 32)
}

/** The ids of a set of sessions. */
export function sidsOf(name, count) {
  return Array.from({ length: count }, (_, index) => sidOf(`${name}/${index}`))
}

/**
 * A session of `kilobytes` as JSON text: the Cookie instance that express-session passes, a user
 * who is logged in, a cart that fills the size up, and some small strings.
 */
export function makeSession(kilobytes, seed = 0) {
  const made = {
    cookie: new session.Cookie({ maxAge: WEEK_MS, httpOnly: true, sameSite: 'strict' }),
    views: seed,
    lastPath: '/',
    csrf: sidOf(`csrf/${seed}`),
  }
  const wanted = kilobytes * 1024
  if (kilobytes >= 1) {
    made.user = {
      id: sidOf(`user/${seed}`),
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      roles: ['customer', 'reviewer'],
      verified: true,
      preferences: { language: 'en', currency: 'EUR', newsletter: false, theme: 'dark' },
    }
    made.flash = ['Your order has been placed.']
    made.cart = { currency: 'EUR', coupon: null, items: [] }
    let size = JSON.stringify(made).length
    for (let index = 0; size < wanted - 100; index++) {
      const item = cartItem(index, seed)
      made.cart.items.push(item)
      size += JSON.stringify(item).length + 1
    }
  }
  const missing = wanted - JSON.stringify(made).length - ',"note":""'.length
  if (missing > 0) made.note = LOREM.repeat(missing / LOREM.length + 1).slice(0, missing)
  return made
}

function cartItem(index, seed) {
  return {
    sku: `SKU-${1000 + index}`,
    title: `Article number ${index} of the catalogue`,
    quantity: 1 + ((index + seed) % 5),
    price: 9.99 + index,
    options: { colour: 'green', size: 'M', gift: index % 2 === 0 },
  }
}

/** The document of a session as the contenders of a format store it. */
export function toDocument(sid, made, format) {
  const { cookie, ...data } = made
  const expires = cookie.expires
  if (format === 'string') return { _id: sid, expires, session: JSON.stringify(made) }
  return { _id: sid, expires, session: { cookie: { ...cookie }, ...data } }
}
