#!/usr/bin/env bash
# Sixteen bytes that the Node driver has read keep the whole reply in memory, with all the documents that came in it.
#
# Versions: Node driver 7.5.0, bson 7.3.4, MongoDB 6.0.5, on the Node that runs this.
# Behaviour: the Buffer of a Binary is a view of the message that it arrived in, of up to 16 MB. As long as anybody holds
# a token of 16 bytes, nothing of that is freed, while strings, ids and everything else are copies. A structured
# clone, which is what `postMessage` makes, copies what lies behind a view: a worker that is given the token gets the reply.
# With `promoteBuffers` it is the same. `Buffer.from(binary.buffer)` holds what it says.
# Who meets it: caches of tokens and hashes, which grow by a thousand times what is in them, outside of the heap.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0 bson@7.3.4
install_mongod
start_mongod
cat > bytes.mjs <<'CODE'
import { MongoClient } from 'mongodb'
const client = await MongoClient.connect(process.argv[2])
const sessions = client.db('test').collection('sessions')
const data = 'x'.repeat(2 ** 18)
await sessions.insertMany(Array.from({ length: 40 }, (_, n) => ({ _id: n, token: Buffer.alloc(16, n), data })))
const megabytes = async () => {
  for (let round = 0; round < 5; round++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return process.memoryUsage().arrayBuffers / 2 ** 20
}
const before = await megabytes()
let tokens = (await sessions.find({}, { batchSize: 40 }).toArray()).map(({ token }) => token.buffer)
const bytes = tokens.reduce((sum, token) => sum + token.length, 0)
const cloned = structuredClone(tokens[0]).buffer.byteLength
const views = await megabytes()
tokens = tokens.map((token) => Uint8Array.from(token))
const copies = await megabytes()
const said = (held) => (held < 1 ? 'less than 1 MB' : `${Math.round(held)} MB`)
console.log(`40 tokens, ${bytes} bytes, hold ${said(views - before)}, as copies ${said(copies - before)}`)
console.log(`what is behind the clone of one: ${said(cloned / 2 ** 20)}`)
await client.close()
CODE
# Seen on Node 20.20.2:
expected="40 tokens, 640 bytes, hold 10 MB, as copies less than 1 MB
what is behind the clone of one: 10 MB"
answer=$(node --expose-gc bytes.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
