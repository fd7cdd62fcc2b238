'use strict'
// What no session can exceed, so that none is copied or written for longer than it could ever be stored.

const { MAX_BYTES } = require('../error.cjs')

/** How deep a session may nest, itself included; MAX_DEPTH of src/codec/mod.rs. */
const MAX_DEPTH = 178

/** More elements than fit into a document, each taking a type, a one-letter key, NUL. */
const MAX_ELEMENTS = MAX_BYTES / 3

/** More text than fits: nothing takes more of it for a byte than a control character, `\u0000`. */
const MAX_TEXT = 6 * MAX_BYTES

/** More of what JSON cannot carry than fits: base64 takes four characters for three bytes. */
const MAX_PAYLOADS = 2 * MAX_BYTES

module.exports = { MAX_DEPTH, MAX_ELEMENTS, MAX_PAYLOADS, MAX_TEXT }
