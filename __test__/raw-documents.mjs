// Documents that no driver would write, sent to a mongod as the bytes of a message.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { BSON } from 'mongodb'

const OP_MSG = 2013

/**
 * Inserts a document into the collection `sessions` after some of its bytes have been replaced:
 * `replacements` are pairs of strings of one length, in Latin-1, so that each character is a byte.
 */
export async function insertRaw({ port, database }, document, replacements = []) {
  const command = { insert: 'sessions', documents: [document], $db: database }
  let bytes = Buffer.from(BSON.serialize(command))
  for (const [from, to] of replacements) {
    assert.equal(from.length, to.length)
    const replaced = bytes.toString('latin1').replaceAll(from, to)
    assert.notEqual(replaced, bytes.toString('latin1'))
    bytes = Buffer.from(replaced, 'latin1')
  }
  const reply = await send(port, bytes)
  assert.equal(reply.n, 1, JSON.stringify(reply))
}

/** Sends a command, one body section without flags, and answers the reply. */
async function send(port, body) {
  const head = Buffer.alloc(21)
  head.writeInt32LE(head.length + body.length, 0)
  head.writeInt32LE(OP_MSG, 12)
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write(Buffer.concat([head, body]))
    let received = Buffer.alloc(0)
    while (received.length < 4 || received.length < received.readInt32LE(0)) {
      const [chunk] = await once(socket, 'data')
      received = Buffer.concat([received, chunk])
    }
    return BSON.deserialize(received.subarray(head.length))
  } finally {
    socket.destroy()
  }
}
