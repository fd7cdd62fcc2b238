'use strict'
// How sessions of Koa call a store: `get(sid, maxAge, …)`, `set(sid, session, maxAge, …)` and `destroy(sid, { ctx })`,
// and take the promise. Such a session has no cookie in it, so its lifetime is an argument.

/** The lifetime of a session that ends with the browser, in the words of koa-session. */
const UNTIL_THE_BROWSER_CLOSES = 'session'

/**
 * What such a caller gave where others give their callback: `{ lifetimeMs }`, which is undefined where it said none,
 * or undefined for what no such caller gives.
 */
function koaArgument(method, value) {
  switch (method) {
    case 'get':
    case 'set':
      if (value === UNTIL_THE_BROWSER_CLOSES) return {}
      return Number.isFinite(value) ? { lifetimeMs: value } : undefined
    case 'destroy':
      return typeof value === 'object' && 'ctx' in value ? {} : undefined
  }
}

module.exports = { koaArgument }
