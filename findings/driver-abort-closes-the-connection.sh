#!/usr/bin/env bash
# Each `find` of the Node driver that is aborted by a signal costs a connection.
#
# Versions: Node driver 7.5.0, MongoDB 6.0.5.
# Behaviour: a read that is given `signal` and aborted while the server works on it does not leave its connection to the next
# operation once the answer has come, nor is the operation ended by a command. The connection is closed, and the next operation opens another one,
# with all that belongs to that: TCP, TLS, the log-in, which is slow on purpose. The same reads without a signal share one.
# Who meets it: applications that pass on the signal of a request that the browser has left, which is the advice of today: as people
# type into a search box, the pool is emptied letter by letter.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > abort.mjs <<'CODE'
import { MongoClient } from 'mongodb'
async function connections(abort) {
  const client = new MongoClient(process.argv[2])
  const count = { opened: 0, closed: 0 }
  client.on('connectionCreated', () => count.opened++)
  client.on('connectionClosed', () => count.closed++)
  const sessions = client.db('test').collection('sessions')
  await sessions.updateOne({ _id: 1 }, { $set: { user: 'ada' } }, { upsert: true })
  for (let letter = 0; letter < 5; letter++) {
    const controller = new AbortController()
    const begun = new Promise((resolve) => client.once('connectionCheckedOut', resolve))
    const { signal } = controller
    const search = sessions.findOne({ $where: 'sleep(200) || true' }, abort ? { signal } : {}).catch(({ name }) => name)
    await begun
    setTimeout(() => controller.abort(), 50)
    if ((await search) === 'AbortError' !== abort) throw new Error('aborted or not')
  }
  const said = `${count.opened} opened, ${count.closed} closed`
  await client.close()
  return said
}
console.log(`5 searches: ${await connections(false)}; 5 aborted ones: ${await connections(true)}`)
CODE
answer=$(node abort.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "5 searches: 1 opened, 0 closed; 5 aborted ones: 5 opened, 5 closed" ] || changed "$answer"
