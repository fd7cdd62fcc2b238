// What the tests of encryption share: keys, and the format as docs/encryption.md describes it, by
// node:crypto alone.
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scryptSync } from 'node:crypto'
import { BSON, Binary } from 'mongodb'

export const SUBTYPE = 0xee

/** Keys that no test changes. */
export const KEY = Buffer.alloc(32, 'current')
export const OLD_KEY = Buffer.alloc(32, 'older')

/** A cryptoAdapter of an application that turns texts around. */
export const reversing = {
  encrypt: async (text) => Buffer.from(text).reverse().toString('hex'),
  decrypt: async (text) => Buffer.from(text, 'hex').reverse().toString(),
}

const expand = (key, info, length) => Buffer.from(hkdfSync('sha256', key, '', info, length))

const keyId = (key) => expand(key, 'mongodb-session-store/1/key-id', 4)

const sessionKey = (key, id) => expand(key, `mongodb-session-store/1/session/${id}`, 32)

/** The master key of a passphrase. */
export function stretch(passphrase) {
  const salt = 'mongodb-session-store/1/passphrase'
  return scryptSync(passphrase, salt, 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 })
}

/** The context of a store on the collection `sessions` that has no option `encryption.context`. */
const CONTEXT = 'sessions'

/** What a value is bound to; without a context in version 1. */
function additionalData(id, field, context) {
  const withLength = (text) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(Buffer.byteLength(text))
    return Buffer.concat([length, Buffer.from(text)])
  }
  const texts = context === null ? [id] : [context, id]
  const version = Buffer.of(texts.length)
  return Buffer.concat([version, ...texts.map(withLength), Buffer.from(field)])
}

/**
 * Encrypts a value for a field of the session in the document with this `_id`. With the context null
 * in version 1 of the format.
 */
export function encryptField(key, id, field, value, context = CONTEXT) {
  // A document of one element with an empty name: length, type, NUL, value, NUL.
  const document = Buffer.from(BSON.serialize({ '': value }))
  const plain = Buffer.concat([document.subarray(4, 5), document.subarray(6, -1)])
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', sessionKey(key, id), nonce)
  cipher.setAAD(additionalData(id, field, context))
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()])
  const parts = [
    Buffer.of(context === null ? 1 : 2),
    keyId(key),
    nonce,
    ciphertext,
    cipher.getAuthTag(),
  ]
  return new Binary(Buffer.concat(parts), SUBTYPE)
}

/** Decrypts a field of a session, which the official driver has read. */
export function decryptField(key, id, field, binary, context = CONTEXT) {
  assert.ok(isEncrypted(binary))
  const bytes = Buffer.from(binary.value())
  assert.equal(bytes[0], 2)
  assert.deepEqual(bytes.subarray(1, 5), keyId(key))
  const decipher = createDecipheriv('aes-256-gcm', sessionKey(key, id), bytes.subarray(5, 17))
  decipher.setAAD(additionalData(id, field, context))
  decipher.setAuthTag(bytes.subarray(-16))
  const plain = Buffer.concat([decipher.update(bytes.subarray(17, -16)), decipher.final()])
  const length = Buffer.alloc(4)
  length.writeInt32LE(plain.length + 6)
  const element = [plain.subarray(0, 1), Buffer.of(0), plain.subarray(1)]
  return BSON.deserialize(Buffer.concat([length, ...element, Buffer.of(0)]))['']
}

/** Whether a value of a stored session is encrypted. */
export function isEncrypted(value) {
  return value?._bsontype === 'Binary' && value.sub_type === SUBTYPE
}

/** Everything in a database as the bytes in which it is stored. */
export async function rawBytes(db) {
  const collections = await db.collections()
  const documents = await Promise.all(
    collections.map((each) => each.find({}, { raw: true }).toArray()),
  )
  return Buffer.concat(documents.flat())
}
