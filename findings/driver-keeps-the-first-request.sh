#!/usr/bin/env bash
# What the Node driver does by itself goes on in the asynchronous context of the request that connected, which it keeps for ever.
#
# Versions: Node driver 7.5.0, MongoDB 6.0.5, on the Node that runs this.
# Behaviour: a client connects with its first operation. If that is called within `AsyncLocalStorage.run`, as everything is in
# an application with a logger or tracer per request, every later heartbeat of the driver is heard in the context of that one request,
# hours after its end, and its context is never collected. One would expect none, or none that lasts.
# Who meets it: applications that log events of the driver, under the id of somebody who has long gone; and those
# whose context holds the request with its body.
. "$(dirname "$0")/support/start.sh"

install_npm mongodb@7.5.0
install_mongod
start_mongod
cat > context.mjs <<'CODE'
import { AsyncLocalStorage } from 'node:async_hooks'
import { MongoClient } from 'mongodb'
const requests = new AsyncLocalStorage()
async function heard(connect) {
  const client = new MongoClient(process.argv[2], { heartbeatFrequencyMS: 500, serverMonitoringMode: 'poll' })
  const contexts = []
  client.on('serverHeartbeatSucceeded', () => contexts.push(requests.getStore()?.url ?? 'none'))
  if (connect) await client.connect()
  const request = new WeakRef(
    await (async () => {
      const context = { url: '/log-in', body: 'a password' }
      await requests.run(context, () => client.db('test').collection('sessions').findOne())
      return context
    })(),
  )
  await requests.run({ url: '/second' }, () => client.db('test').collection('sessions').findOne())
  contexts.length = 0
  while (contexts.length < 4) await new Promise((resolve) => setTimeout(resolve, 100))
  globalThis.gc()
  const said = `heartbeats after both requests in the context ${[...new Set(contexts)]}, the first one is ${request.deref() ? 'kept' : 'collected'}`
  await client.close()
  return said
}
console.log(`connected by a request: ${await heard(false)}`)
console.log(`connected before: ${await heard(true)}`)
CODE
# Seen on Node 20.20.2:
expected="connected by a request: heartbeats after both requests in the context /log-in, the first one is kept
connected before: heartbeats after both requests in the context none, the first one is collected"
answer=$(node --expose-gc context.mjs "mongodb://127.0.0.1:$port")
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
