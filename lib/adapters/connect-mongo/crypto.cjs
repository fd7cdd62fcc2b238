'use strict'
// Which of connect-mongo's ways to encrypt the options ask for, as a `cryptoAdapter`.

const { invalid } = require('../../error.cjs')
const { createKrupteinAdapter } = require('./kruptein.cjs')
const { createSecretAdapter, isOfSecret } = require('./secret.cjs')

/** The adapter that is given, or one for `crypto` (versions 4 to 6) or `secret` (version 3). */
function cryptoAdapterOf(given) {
  const { crypto, cryptoAdapter, secret } = given
  const adapter = cryptoAdapter ?? undefined
  const isCrypto = crypto !== undefined && crypto !== null && crypto.secret !== false
  if (adapter !== undefined && isCrypto) {
    throw invalid("options 'crypto' and 'cryptoAdapter' exclude each other")
  }
  if (adapter !== undefined) return adapter
  if (isCrypto) {
    checkSecret('crypto.secret', crypto.secret)
    const adapter = createKrupteinAdapter(crypto, "option 'crypto'")
    return withOldForm(adapter, { ...given, secret: secret ?? crypto.secret })
  }
  if (secret === undefined || secret === null || secret === false) return undefined
  checkSecret('secret', secret)
  return createSecretAdapter(given)
}

function checkSecret(name, secret) {
  if (typeof secret !== 'string' || secret === '') {
    throw invalid(`option '${name}' must be a string that is not empty`)
  }
}

/** Lets an adapter read what version 3 has written with the same secret. */
function withOldForm(adapter, options) {
  let old
  return {
    encrypt: adapter.encrypt,
    decrypt(text) {
      if (!isOfSecret(text)) return adapter.decrypt(text)
      // Its key takes milliseconds to derive.
      old ??= createSecretAdapter(options)
      return old.decrypt(text)
    },
  }
}

module.exports = { cryptoAdapterOf }
