// MongoDB's wire protocol as far as 'limit' needs it: OP_MSG with a body and a document sequence.
// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
import { once } from 'node:events'
import { connect } from 'node:net'
import { deserialize, serialize } from 'bson'

const OP_MSG = 2013
const HEADER_BYTES = 16

/** One command as the bytes to send; `sequence` is `{ name, documents }`. */
export function opMsg(command, sequence) {
  const body = serialize(command)
  const parts = [Buffer.alloc(HEADER_BYTES + 4), Buffer.from([0]), body]
  if (sequence) {
    const name = Buffer.from(`${sequence.name}\0`)
    const documents = sequence.documents.map((document) => serialize(document))
    const size = Buffer.alloc(4)
    size.writeInt32LE(4 + name.length + documents.reduce((sum, each) => sum + each.length, 0))
    parts.push(Buffer.from([1]), size, name, ...documents)
  }
  const message = Buffer.concat(parts)
  message.writeInt32LE(message.length, 0)
  message.writeInt32LE(OP_MSG, 12)
  return message
}

/** A socket on which one command is under way at a time. */
export class Connection {
  #chunks = []
  #missing = 0
  #header = Buffer.alloc(0)
  #answered

  static async open(host, port) {
    const connection = new Connection()
    connection.socket = connect({ host, port, noDelay: true })
    await once(connection.socket, 'connect')
    connection.socket.on('data', (chunk) => connection.#receive(chunk))
    return connection
  }

  /** Sends a message; `answered` gets the chunks of the reply. */
  send(message, answered) {
    this.#answered = answered
    this.socket.write(message)
  }

  /** Sends a message and answers the decoded reply. */
  command(message) {
    return new Promise((resolve) => {
      this.send(message, (chunks) => resolve(decodeReply(Buffer.concat(chunks))))
    })
  }

  close() {
    this.socket.destroy()
  }

  #receive(chunk) {
    if (this.#missing === 0) {
      this.#header = this.#header.length > 0 ? Buffer.concat([this.#header, chunk]) : chunk
      if (this.#header.length < 4) return
      chunk = this.#header
      this.#header = Buffer.alloc(0)
      this.#missing = chunk.readInt32LE(0)
    }
    this.#chunks.push(chunk)
    this.#missing -= chunk.length
    if (this.#missing > 0) return
    const chunks = this.#chunks
    this.#chunks = []
    this.#answered(chunks)
  }
}

function decodeReply(message) {
  const reply = deserialize(message.subarray(HEADER_BYTES + 5))
  if (reply.ok !== 1 || reply.writeErrors) throw new Error(`the server refused: ${reply.errmsg}`)
  return reply
}
