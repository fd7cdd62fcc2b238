'use strict'
// The encryption of the option `secret` of connect-mongo 3, in its format: a JSON string of a JSON
// object with the ciphertext (`ct`), its authentication tag (`at`), what is authenticated beside it
// (`aad`), the initialization vector as text (`iv`), and an HMAC of the ciphertext (`hmac`).
//
// It is here for sessions that are stored already. Its key is derived without a salt of its own;
// `encryption` is the better choice for new ones.

const crypto = require('node:crypto')
const { invalid } = require('../../error.cjs')

/** Rounds of PBKDF2 and the bytes that come of it, of which the key is a part. */
const ROUNDS = 10_000
const DERIVED_BYTES = 64

/** Characters of the hash of the secret that serve as salt. */
const SALT_LENGTH = 16

/** An adapter for a `secret` and what version 3 takes beside it. The key is derived at once. */
function createSecretAdapter({
  secret,
  algorithm = 'aes-256-gcm',
  hashing = 'sha512',
  encodeas = 'hex',
  key_size: keySize = 32,
  iv_size: ivSize = 16,
  at_size: authTagLength = 16,
} = {}) {
  if (typeof secret !== 'string' || secret === '') {
    throw invalid("option 'secret' of createSecretAdapter must be a string that is not empty")
  }
  // Key and vector are texts, of which the ciphers take the characters as bytes.
  const salt = crypto.createHash(hashing).update(secret).digest(encodeas).slice(0, SALT_LENGTH)
  const derived = crypto.pbkdf2Sync(secret, salt, ROUNDS, DERIVED_BYTES, hashing)
  const key = derived.toString(encodeas).slice(0, keySize)
  const hmac = (text, by) => crypto.createHmac(hashing, by).update(text).digest(encodeas)

  return {
    encrypt(text) {
      const iv = crypto.randomBytes(ivSize).toString(encodeas)
      const aad = hmac(text, iv + key)
      const cipher = crypto.createCipheriv(algorithm, key, iv, { authTagLength })
      cipher.setAAD(Buffer.from(aad), { plaintextLength: Buffer.byteLength(text) })
      const ct = cipher.update(text, 'utf8', encodeas) + cipher.final(encodeas)
      const at = cipher.getAuthTag()
      return JSON.stringify(JSON.stringify({ hmac: hmac(ct, key), ct, at, aad, iv }))
    },
    decrypt(stored) {
      const { ct, at, aad, iv, ...sealed } = unpacked(stored)
      if (!isSame(hmac(ct, key), sealed.hmac)) throw new Error('the session has been tampered with')
      const cipher = crypto.createDecipheriv(algorithm, key, iv, { authTagLength })
      cipher.setAuthTag(Buffer.from(at))
      cipher.setAAD(Buffer.from(aad), { plaintextLength: Buffer.byteLength(ct) })
      return cipher.update(ct, encodeas, 'utf8') + cipher.final('utf8')
    },
  }
}

/** Whether a stored string has the form that `secret` writes, whatever it was encrypted with. */
function isOfSecret(stored) {
  return stored.startsWith('"')
}

function unpacked(stored) {
  const inner = JSON.parse(stored)
  return typeof inner === 'string' ? JSON.parse(inner) : inner
}

function isSame(expected, given) {
  const [a, b] = [expected, String(given)].map((text) => Buffer.from(text))
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}

module.exports = { createSecretAdapter, isOfSecret }
