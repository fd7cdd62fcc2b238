// The MongoDB that the demo and the tests run on: one that is there, or one started for the run.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { mongodOnPath } from './mongod-binary.mjs'
import { startMongod } from './mongod.mjs'
import { DATABASE, withoutSecrets } from './mongodb-uri.mjs'
import { root } from './step.mjs'

const run = promisify(execFile)

/**
 * The server for this run, and a line on the console that says which: the one of `MONGODB_URI`,
 * else a mongod on PATH, else the running `docker compose` service, else a mongod of our own.
 * `args` and `replicaSet` reach only a mongod that is started here. Stop it in any case; a server that was
 * there before stays.
 */
export async function provideMongodb({ args, replicaSet } = {}) {
  const there = await findServer()
  if (there) {
    console.log(`\nMongoDB: ${there.origin}`)
    return { uri: there.uri, stop: async () => {} }
  }
  const mongod = await startMongod({ args, replicaSet })
  console.log(`\nMongoDB: mongod ${mongod.version} ${mongod.origin}, for this run only`)
  return mongod
}

async function findServer() {
  const uri = process.env.MONGODB_URI
  if (uri) return { uri, origin: `the server of MONGODB_URI, ${withoutSecrets(uri)}` }
  if (await mongodOnPath()) return null
  const address = await composeAddress()
  if (!address) return null
  return { uri: `mongodb://${address}/${DATABASE}`, origin: `docker compose, ${address}` }
}

/** `host:port` of this repository's `mongo` service, if Docker is here, quick, and runs it. */
async function composeAddress() {
  try {
    const args = ['compose', 'port', 'mongo', '27017']
    const { stdout } = await run('docker', args, { cwd: root, timeout: 5000 })
    return /^\S+:[1-9]\d*$/.exec(stdout.trim())?.[0]
  } catch {
    return undefined
  }
}
