'use strict'
// A store's collection as the tools of an operator see it: with the options of the store, and without doing
// anything unasked. No index is created, nothing is removed.

const { createHash } = require('node:crypto')
const { PromiseCall } = require('../calls/call.cjs')
const { Channel } = require('../calls/channel.cjs')
const { clientGetter } = require('../connection/client.cjs')
const { follow, placed } = require('../connection/target.cjs')
const { fromNative } = require('../error.cjs')
const { Indexes, indexTerms } = require('../lists/indexes.cjs')
const { userOf } = require('../lists/users.cjs')
const kinds = require('../native/addon.cjs')
const { Encoding } = require('../sessions/encoding.cjs')
const { int64sOf } = require('../sessions/int64s.cjs')
const { transformed } = require('./ids.cjs')
const { splitOptions } = require('./options.cjs')

const { BYTES, DONE, EVENT, FAILED, SESSION } = kinds

class Maintenance {
  #bson = require('bson')
  #channel
  #encoding
  #userId
  #indexes
  #transformId
  #rejection = {}

  /** Takes the options of the store. */
  constructor(options) {
    const { own, given: unplaced, keys } = splitOptions(options)
    const { given, later } = placed(unplaced)
    const receive = (call, kind, slots, at) => this.#receive(call, kind, slots, at)
    this.#channel = new Channel({ ...given, isTool: true }, keys, receive)
    const { native, timeoutMs } = this.#channel
    if (later !== undefined) follow(native, later, this.#rejection)
    const clientOf = clientGetter(unplaced.client)
    this.#encoding = new Encoding(own, { writesText: native.writesText, timeoutMs, clientOf })
    this.#userId = own.userId
    this.#indexes = Indexes.from(own.indexes)
    this.collection = native.collection
    this.prefix = native.prefix
    /** The names of the fields, the indexes, and whatever else of the options a command has to know. */
    this.layout = JSON.parse(native.layout)
    this.encrypts = keys.length > 0
    this.hasUnserialize = own.unserialize !== undefined
    this.writesDocuments = this.#encoding.hasFields
    this.#transformId = own.transformId
    this.transformsIds = own.transformId !== undefined
  }

  /** The name of the database; null while a client that is waited for has not told it. */
  get database() {
    return this.#channel.native.database
  }

  /** The documents, as bytes, that a command answers through a cursor. */
  async query(command) {
    const bytes = this.#bson.serialize(command)
    return split(await this.#submit((native, ticket) => native.query(ticket, bytes)))
  }

  /**
   * The reply to a command. With `writes` the write concern of the connection goes with it, and it may be sent
   * twice; `documents` are bytes for its field `field`.
   */
  async command(command, { writes = false, field, documents } = {}) {
    const bytes = this.#bson.serialize(command)
    const sequence = documents === undefined ? undefined : Buffer.concat(documents)
    return this.parse(
      await this.#submit((native, ticket) =>
        native.command(ticket, bytes, writes, field, sequence),
      ),
    )
  }

  /** What a document holds. */
  parse(bytes) {
    // Other programs may have written what is no UTF-8.
    return this.#bson.deserialize(bytes, { promoteBuffers: true, validation: { utf8: false } })
  }

  /** The session of a document, when it expires and whether it is a text; null if it has expired. */
  async read(document) {
    const slots = await this.#submit((native, ticket) => native.readDocument(ticket, document))
    if (slots[0] === undefined) return null
    const session = await this.#encoding.read(slots, 0, 'get')
    const [isText, expires] = slots[4]
    return { session, expires, isText, int64s: int64sOf(session) }
  }

  /** The statement of an update by which a document is encrypted anew, or null. */
  async rekey(document) {
    const statement = await this.#submit((native, ticket) => native.rekey(ticket, document))
    return statement.length === 0 ? null : statement
  }

  /**
   * The statement or document by which a session, read from a document of another form in which `field` holds
   * it, becomes one of this collection: in the same `'field'`, in the same `'document'`, or in a `'new'` one.
   */
  async convert(document, { field, target, id, isStoredId, read }) {
    const { session, expires, int64s } = read
    const { text, specials, isText } = await this.#encoding.write(session, int64s)
    const user = userOf(this.#userId, session)
    const indexes = indexTerms(this.#indexes?.of(session))
    const own = isStoredId ? id : this.#transformed(id)
    return this.#submit((native, ticket) =>
      // prettier-ignore
      native.convert(ticket, document, field, target, own, isStoredId, text, specials, isText, expires, user, indexes),
    )
  }

  /** What is stored behind the prefix for a session id. */
  storedIdOf(sid) {
    const id = this.#transformed(sid)
    return this.layout.hashIds ? createHash('sha256').update(id).digest('base64url') : id
  }

  #transformed(sid) {
    return this.#transformId === undefined ? sid : transformed(this.#transformId, sid)
  }

  /** The statement of a delete of a document that still holds the same in a field. */
  removal(document, field) {
    return this.#submit((native, ticket) => native.removal(ticket, document, field))
  }

  close() {
    return this.#submit((native, ticket) => native.close(ticket))
  }

  #submit(send) {
    const call = new PromiseCall()
    this.#channel.submit(call, null, send)
    return call.promise
  }

  #receive(call, kind, slots, at) {
    switch (kind) {
      case DONE:
        return call.succeed()
      case BYTES:
        return call.succeed(slots[at])
      case SESSION:
        return call.succeed(slots.slice(at, at + 5))
      case FAILED:
        return call.fail(fromNative(slots[at], this.#rejection.reason))
      // Whoever waits is told of an outage by the failure of the call.
      case EVENT:
    }
  }
}

/** Documents that lie one behind the other. */
function split(bytes) {
  const documents = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32LE(at)
    documents.push(bytes.subarray(at, at + length))
    at += length
  }
  return documents
}

module.exports = { Maintenance }
