// A mongod of one's own, for a run or a single test.
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server-core'
import { freePort } from './free-port.mjs'
import { findMongodBinary } from './mongod-binary.mjs'
import { DATABASE, withDatabase, withUser } from './mongodb-uri.mjs'

const isWindows = process.platform === 'win32'

/**
 * Starts a mongod of its own on 127.0.0.1, whatever else runs, with its data in a temporary folder
 * (inside of that which the environment variable MONGOD_DATA names, if it does): a standalone, or a
 * replica set of `replicaSet` members. `args` are further arguments of mongod, `auth: { user, password }`
 * creates that root user and demands a log-in. A standalone can also listen on a Unix socket
 * (`unixSocket: true`) and on ::1 (`ipv6: true`). It neither outlives this process nor holds it up.
 *
 * - `uri`: the connection string, with the database `express_sessions`
 * - `members`: `[{ port, pid, kill(), start() }]`; `pid` and `port` are the first one's. `kill`
 *   ends a member at once, `start` brings it back on the same port with the data it had on disk
 *   (a write of the last 100 ms only if it was journaled); both can also be called on the whole.
 *   To freeze one, send SIGSTOP to its `pid`, and SIGCONT to thaw it.
 * - `socket`: the path of the Unix socket
 * - `stop()`: ends it and removes its data
 */
export async function startMongod(options = {}) {
  const binary = await findMongodBinary()
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(binary, options)
    } catch (error) {
      if (attempt < ATTEMPTS) continue
      throw new Error(`mongod ${binary.version} ${binary.origin} does not start`, { cause: error })
    }
  }
}

/** A replica set has half a minute to find its primary, which a machine that is very busy may not do in time. */
const ATTEMPTS = 2

async function start(binary, { replicaSet, args = [], auth, unixSocket, ipv6 }) {
  const folder = await mkdtemp(join(process.env.MONGOD_DATA ?? tmpdir(), 'mongodb-session-store-'))
  const server = replicaSet
    ? await newReplicaSet({ binary, folder, replicaSet, args, auth })
    : await newStandalone({ binary, folder, args, auth, unixSocket, ipv6 })
  const mongods = () => (replicaSet ? server.servers : [server])

  // Registered before the start, which can be interrupted too.
  const entry = { folder, pids: () => mongods().map(pidOf).filter(Boolean) }
  endWithProcess(entry)
  try {
    await server.start()
    if (replicaSet) await server.waitUntilRunning()
  } catch (error) {
    endNow(entry)
    throw error
  }
  mongods().forEach(letProcessExit)

  const members = mongods().map(member)
  const address = replicaSet ? server.getUri() : server.getUri(undefined, INSTANCE.ip)
  return {
    uri: withDatabase(auth ? withUser(address, auth) : address, DATABASE),
    version: binary.version,
    origin: binary.origin,
    members,
    get port() {
      return members[0].port
    },
    get pid() {
      return members[0].pid
    },
    get socket() {
      return join(folder, `mongodb-${members[0].port}.sock`)
    },
    kill: () => Promise.all(members.map((each) => each.kill())),
    start: () => Promise.all(members.map((each) => each.start())),
    async stop() {
      // Its data goes with it, so that there is nothing to close in order, which takes a while.
      await Promise.all(members.map((each) => each.kill()))
      await server.stop({ doCleanup: false })
      running.delete(entry)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function newStandalone({ binary, folder, args, auth, unixSocket, ipv6 }) {
  const socket = unixSocket ? ['--unixSocketPrefix', folder] : NO_SOCKET
  const port = await freePort()
  const all = [...ARGUMENTS, ...socket, ...args]
  const instance = { ...INSTANCE, ...START, port, dbPath: folder, args: all }
  if (ipv6) {
    instance.ip = `${INSTANCE.ip},::1`
    instance.args.push('--ipv6')
  }
  return new MongoMemoryServer({
    binary: binaryOptions(binary),
    instance,
    auth: authOptions(auth),
    spawn: SPAWN,
  })
}

async function newReplicaSet({ binary, folder, replicaSet, args, auth }) {
  const dbPaths = Array.from({ length: replicaSet }, (_, index) => join(folder, String(index)))
  await Promise.all(dbPaths.map((dbPath) => mkdir(dbPath)))
  const ports = await Promise.all(dbPaths.map(freePort))
  return new MongoMemoryReplSet({
    binary: binaryOptions(binary),
    instanceOpts: dbPaths.map((dbPath, index) => ({ dbPath, port: ports[index], ...START })),
    replSet: {
      ...INSTANCE,
      name: 'rs0',
      args: [...ARGUMENTS, ...NO_SOCKET, ...args],
      auth: authOptions(auth),
      spawn: SPAWN,
      // The default of 5 s makes every election in a test that slow.
      configSettings: { electionTimeoutMillis: 2000 },
    },
  })
}

/** How many milliseconds a start may take: one after a crash recovers first. */
const START = { launchTimeout: 60_000 }

const INSTANCE = { ip: '127.0.0.1', storageEngine: 'wiredTiger' }

// What it notes every second for those who look for faults of a server costs a tenth of a start.
const ARGUMENTS = ['--setParameter', 'diagnosticDataCollectionEnabled=false']

// A mongod that is killed leaves its socket file behind.
const NO_SOCKET = isWindows ? [] : ['--nounixsocket']

// In a process group of its own, or Ctrl-C would end mongod before the application that uses it.
const SPAWN = { detached: !isWindows }

function binaryOptions({ path, version }) {
  return { systemBinary: path, version }
}

function authOptions(auth) {
  if (!auth) return { enable: false }
  return { enable: true, customRootName: auth.user, customRootPwd: auth.password }
}

function pidOf(mongod) {
  return mongod.instanceInfo?.instance.mongodProcess?.pid
}

function member(mongod) {
  return {
    get port() {
      return mongod.instanceInfo.port
    },
    get pid() {
      return pidOf(mongod)
    },
    async kill() {
      const child = mongod.instanceInfo.instance.mongodProcess
      // None if it has ended by itself.
      if (child) {
        // While it is awaited, it does hold this process up.
        child.ref()
        const exit = once(child, 'exit')
        child.kill('SIGKILL')
        await exit
      }
      await mongod.stop({ doCleanup: false, force: false })
    },
    async start() {
      await mongod.start(true)
      letProcessExit(mongod)
    },
  }
}

/** The pipes to mongod and its watchdog would keep a finished process from exiting by itself. */
function letProcessExit(mongod) {
  const { mongodProcess, killerProcess } = mongod.instanceInfo.instance
  mongodProcess.stdout.unref()
  mongodProcess.stderr.unref()
  killerProcess.channel?.unref()
}

const running = new Set()

/** Ends the mongods of an entry with this process, however that one ends, short of SIGKILL. */
function endWithProcess(entry) {
  if (!endWithProcess.armed) {
    endWithProcess.armed = true
    process.on('exit', () => running.forEach(endNow))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, endUnlessHandled)
  }
  running.add(entry)
}

function endUnlessHandled(signal) {
  // Someone else listens, and will stop what it started in its own order.
  if (process.listenerCount(signal) > 1) return
  running.forEach(endNow)
  process.off(signal, endUnlessHandled)
  process.kill(process.pid, signal)
}

function endNow(entry) {
  running.delete(entry)
  for (const pid of entry.pids()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
  rmSync(entry.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}
