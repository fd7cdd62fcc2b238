'use strict'
// The format of connect-mongo's `createWebCryptoAdapter`: the initialization vector and behind it
// what Web Crypto makes of the text, as base64, base64url or hex. The key comes of the secret by
// PBKDF2 with SHA-256. The bytes are Web Crypto's; the ciphers of node:crypto make the same ones
// without a trip to another thread for each session.

const crypto = require('node:crypto')
const { promisify } = require('node:util')
const { isAnyArrayBuffer } = require('node:util').types
const { invalid } = require('../../error.cjs')

const pbkdf2 = promisify(crypto.pbkdf2)

const KEY_BYTES = 32
const DEFAULT_SALT = 'connect-mongo:webcrypto-default-salt'
const DEFAULT_ITERATIONS = 310_000
const ENCODINGS = ['base64', 'base64url', 'hex']

/** The ciphers by Web Crypto's names: node's name, bytes of the vector, bytes of the tag. */
const CIPHERS = {
  'AES-GCM': { name: 'aes-256-gcm', ivBytes: 12, tagBytes: 16 },
  'AES-CBC': { name: 'aes-256-cbc', ivBytes: 16, tagBytes: 0 },
}

/** An adapter for a `secret`. The key is derived before the first session. */
function createWebCryptoAdapter({
  secret,
  ivLength,
  encoding = 'base64',
  algorithm = 'AES-GCM',
  salt = DEFAULT_SALT,
  iterations = DEFAULT_ITERATIONS,
} = {}) {
  const secretBytes = bytesOf('secret', secret)
  if (secretBytes.length === 0) throw invalid("option 'secret' must not be empty")
  const saltBytes = bytesOf('salt', salt)
  checkChoice('encoding', encoding, ENCODINGS)
  checkChoice('algorithm', algorithm, Object.keys(CIPHERS))
  const { name, ivBytes, tagBytes } = CIPHERS[algorithm]
  const ivSize = ivLength ?? ivBytes
  let key
  const derived = () => (key ??= pbkdf2(secretBytes, saltBytes, iterations, KEY_BYTES, 'sha256'))

  return {
    async encrypt(text) {
      const iv = crypto.randomBytes(ivSize)
      const cipher = crypto.createCipheriv(name, await derived(), iv)
      const sealed = [iv, cipher.update(text, 'utf8'), cipher.final()]
      if (tagBytes > 0) sealed.push(cipher.getAuthTag())
      return Buffer.concat(sealed).toString(encoding)
    },
    async decrypt(stored) {
      const bytes = Buffer.from(stored, encoding)
      const end = bytes.length - tagBytes
      if (end < ivSize) throw new Error('the stored text is too short to be a session')
      const decipher = crypto.createDecipheriv(name, await derived(), bytes.subarray(0, ivSize))
      if (tagBytes > 0) decipher.setAuthTag(bytes.subarray(end))
      const text = [decipher.update(bytes.subarray(ivSize, end)), decipher.final()]
      return Buffer.concat(text).toString('utf8')
    },
  }
}

/** A copy of the bytes of an option, so that the caller may wipe them. */
function bytesOf(name, value) {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  if (isAnyArrayBuffer(value)) return Buffer.from(new Uint8Array(value))
  throw invalid(`option '${name}' must be a string, a Buffer or an ArrayBuffer`)
}

function checkChoice(name, value, choices) {
  if (!choices.includes(value)) {
    throw invalid(`option '${name}' must be one of ${choices.join(', ')}`)
  }
}

module.exports = { createWebCryptoAdapter }
