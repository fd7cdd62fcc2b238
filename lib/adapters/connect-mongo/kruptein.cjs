'use strict'
// The encryption of connect-mongo's option `crypto`: the package kruptein, which is only needed for
// it and therefore has to be installed beside this one.

const { readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
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

/** The versions that read what connect-mongo 6 has written, which has 3.0.8: each other minor has another form. */
const VERSIONS = /^3\.0\.(?:[89]|\d{2,})$/

/** How a version that fits is installed. */
const INSTALL = 'install it with "npm install kruptein@~3.0.8"'

/**
 * An adapter that encrypts with kruptein, by options of its own and a `secret`. `asker` is what the application
 * has written to get it.
 */
function createKrupteinAdapter(options, asker = 'createKrupteinAdapter') {
  const { secret } = options ?? {}
  if (!secret) throw invalid("option 'secret' of createKrupteinAdapter must not be empty")
  const kruptein = load(asker)({ ...DEFAULTS, ...options })
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

function load(asker) {
  const version = installed(asker)
  if (!VERSIONS.test(version)) {
    throw invalid(
      `${asker} needs kruptein 3.0.8 or 3.0.9 and found ${version}, which reads nothing that connect-mongo ` +
        `has stored: ${INSTALL}`,
    )
  }
  return require('kruptein')
}

/** The version of the package that is there. */
function installed(asker) {
  try {
    const folder = dirname(require.resolve('kruptein'))
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
  } catch (cause) {
    const error = invalid(
      `${asker} needs the package kruptein, which connect-mongo brings along and this package does not: ${INSTALL}`,
    )
    error.cause = cause
    throw error
  }
}

module.exports = { createKrupteinAdapter }
