'use strict'
// The encryption of connect-mongo's option `crypto`: the package kruptein, which is only needed for
// it and therefore has to be installed beside this one.

const { invalid } = require('../../error.cjs')

/** What connect-mongo asks kruptein for, unless told otherwise. */
const DEFAULTS = {
  algorithm: 'aes-256-gcm',
  hashing: 'sha512',
  encodeas: 'base64',
  key_size: 32,
  iv_size: 16,
  at_size: 16,
}

/** An adapter that encrypts with kruptein, by options of its own and a `secret`. */
function createKrupteinAdapter(options) {
  const { secret } = options ?? {}
  if (!secret) throw invalid("option 'secret' of createKrupteinAdapter must not be empty")
  const kruptein = load()({ ...DEFAULTS, ...options })
  return {
    encrypt: (text) => promised((done) => kruptein.set(secret, text, done)),
    decrypt: (text) => promised((done) => kruptein.get(secret, text, done)),
  }
}

/** kruptein fails with strings, and may call back again after that. */
function promised(start) {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(new Error(String(error))) : resolve(result)))
  })
}

function load() {
  try {
    return require('kruptein')
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    const error = invalid(
      "option 'crypto' needs the package kruptein, which connect-mongo brings along and this " +
        'package does not: install it with "npm install kruptein@3"',
    )
    error.cause = cause
    throw error
  }
}

module.exports = { createKrupteinAdapter }
